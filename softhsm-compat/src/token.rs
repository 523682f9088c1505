//! The tokens of a SoftHSM2 store: a directory each, with `token.object` and a file for each object.

use crate::configuration::unreadable;
use crate::object_file::{self, Attribute, Value};
use crate::token_key::TokenKey;
use std::path::{Path, PathBuf};
use strongroom_pkcs11::ck;
use strongroom_pkcs11::error::{Code, Result};
use strongroom_pkcs11::secret::Secret;

/// SoftHSM2's own attributes of `token.object`.
const LABEL: u64 = 0x8000_5349;
const SERIAL: u64 = 0x8000_534a;
const USER_PIN: u64 = 0x8000_534d;

/// No token has more objects than this; a directory with more is refused.
const MOST: usize = 1_000_000;

/// A token as it lies on disk.
pub struct Token {
    directory: PathBuf,
    /// Its label, without padding.
    pub label: String,
    /// Its serial number.
    pub serial: String,
    user_key: Option<Secret>,
}

/// A token whose key is open.
pub struct Open {
    directory: PathBuf,
    key: TokenKey,
}

/// An object: its attributes, with every byte string in the clear.
pub struct Object {
    /// The name of its file.
    pub file: String,
    /// Its attributes.
    pub attributes: Vec<Attribute>,
}

/// Every token below a directory that can be read, and what the others fail with.
pub fn list(directory: &Path) -> Result<Vec<(PathBuf, Result<Token>)>> {
    let mut found = Vec::new();
    for path in names(directory)? {
        if path.join("token.object").is_file() {
            let token = Token::read(&path);
            found.push((path, token));
        }
    }
    Ok(found)
}

/// The token with a label or a serial number, or the only one.
///
/// # Errors
/// `CKR_TOKEN_NOT_PRESENT` where there is none, `CKR_ARGUMENTS_BAD` where several could be meant.
pub fn find(directory: &Path, wanted: Option<&str>) -> Result<Token> {
    let mut readable: Vec<Token> = Vec::new();
    let mut damaged = String::new();
    for (path, token) in list(directory)? {
        match token {
            Ok(token) => readable.push(token),
            Err(error) => damaged.push_str(&format!(" {} cannot be read: {}.", path.display(), error.why())),
        }
    }
    let labels: Vec<String> = readable.iter().map(|token| format!("{:?} ({})", token.label, token.serial)).collect();
    let labels = labels.join(", ");
    let fits = |token: &Token| wanted.is_none_or(|name| token.label == name || token.serial == name);
    let mut fitting: Vec<Token> = readable.into_iter().filter(fits).collect();
    match (fitting.len(), fitting.pop()) {
        (1, Some(token)) => Ok(token),
        (0, _) if labels.is_empty() => {
            Err(Code::TokenNotPresent
                .because(format!("there is no SoftHSM2 token in {}.{damaged}", directory.display())))
        }
        (0, _) => {
            Err(Code::TokenNotPresent.because(format!("no SoftHSM2 token is called so; there are: {labels}.{damaged}")))
        }
        (count, _) => Err(Code::ArgumentsBad
            .because(format!("{count} SoftHSM2 tokens could be meant; say which by --token: {labels}.{damaged}"))),
    }
}

impl Token {
    /// Reads `token.object` of a token's directory.
    fn read(directory: &Path) -> Result<Token> {
        let attributes = object_file::read(&directory.join("token.object"))?;
        let bytes = |kind| {
            attributes.iter().find(|attribute| attribute.kind == kind).and_then(|attribute| match &attribute.value {
                Value::Bytes(bytes) => Some(bytes),
                _ => None,
            })
        };
        let text =
            |kind| bytes(kind).map(|bytes| String::from_utf8_lossy(bytes).trim_end_matches([' ', '\0']).to_owned());
        let missing = || Code::DataInvalid.because("token.object has no label");
        Ok(Token {
            directory: directory.to_owned(),
            label: text(LABEL).ok_or_else(missing)?,
            serial: text(SERIAL).unwrap_or_default(),
            user_key: bytes(USER_PIN).cloned(),
        })
    }

    /// Opens the token with the PIN of its user.
    ///
    /// # Errors
    /// `CKR_PIN_INCORRECT`, and `CKR_USER_PIN_NOT_INITIALIZED` where the user has none.
    pub fn open(&self, pin: &[u8]) -> Result<Open> {
        let none = || Code::UserPinNotInitialized.because("the user of the SoftHSM2 token has no PIN");
        let key = TokenKey::open(self.user_key.as_ref().ok_or_else(none)?, pin)?;
        Ok(Open { directory: self.directory.clone(), key })
    }
}

impl Open {
    /// The objects, in the order of their files; beside each that cannot be read, why not.
    pub fn objects(&self) -> Result<Vec<(String, Result<Object>)>> {
        let mut objects = Vec::new();
        for path in names(&self.directory)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.ends_with(".object") && name != "token.object" {
                objects.push((name.clone(), self.object(&path, name)));
            }
        }
        Ok(objects)
    }

    fn object(&self, path: &Path, file: String) -> Result<Object> {
        let mut attributes = object_file::read(path)?;
        let private = attributes.iter().any(|one| one.kind == ck::CKA_PRIVATE && one.value == Value::Flag(true));
        if private {
            // Only the values of the object itself are encrypted, not those within its templates.
            for attribute in &mut attributes {
                if let Value::Bytes(bytes) = &mut attribute.value {
                    *bytes = self.key.decrypt(bytes)?;
                }
            }
        }
        Ok(Object { file, attributes })
    }
}

impl Object {
    /// The value of an attribute.
    pub fn value(&self, kind: u64) -> Option<&Value> {
        self.attributes.iter().find(|attribute| attribute.kind == kind).map(|attribute| &attribute.value)
    }

    /// A number.
    pub fn number(&self, kind: u64) -> Option<u64> {
        match self.value(kind)? {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// A boolean; what is not there is FALSE.
    pub fn flag(&self, kind: u64) -> bool {
        self.value(kind).is_some_and(|value| *value == Value::Flag(true))
    }

    /// Bytes; what is not there is empty.
    pub fn bytes(&self, kind: u64) -> &[u8] {
        match self.value(kind) {
            Some(Value::Bytes(bytes)) => bytes,
            _ => &[],
        }
    }
}

/// What is in a directory, sorted, so that every run goes the same way.
fn names(directory: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error| unreadable(directory, &error);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        found.push(entry.map_err(failed)?.path());
        if found.len() > MOST {
            return Err(Code::DataInvalid.because(format!("{} holds too many files", directory.display())));
        }
    }
    found.sort();
    Ok(found)
}
