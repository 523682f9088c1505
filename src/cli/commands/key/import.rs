//! `strongroom key import`: keys and certificates from files, with ids that pair them.

use super::pem::{Piece, pieces};
use super::{Added, Target, random_id};
use crate::cli::Context;
use crate::cli::commands::object::Objects;
use crate::cli::failure::{Failure, Result, in_file};
use crate::cli::select::summary;
use crate::cli::session::Session;
use std::io::Read;
use std::path::{Path, PathBuf};
use strongroom_pkcs11::ck;
use strongroom_pkcs11::error::Code;
use strongroom_pkcs11::object::given;
use strongroom_pkcs11::object::import::{self, Imported};
use strongroom_pkcs11::wire::values::{Raw, Template};
use zeroize::Zeroizing;

/// Import keys and certificates from files.
///
/// Takes PEM and DER: private keys in PKCS#8, SEC 1 and PKCS#1, public keys in SubjectPublicKeyInfo and PKCS#1, X.509
/// certificates. A file may hold several. A key, its public half and its certificate get the same id. All is
/// imported, or nothing.
#[derive(clap::Args)]
pub(crate) struct Import {
    /// The files; "-" reads standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The files hold the bytes of secret keys, of this type
    #[arg(long, value_name = "TYPE")]
    raw: Option<RawType>,
    #[command(flatten)]
    target: Target,
}

/// The type of a secret key whose bytes are imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum RawType {
    /// An AES key
    Aes,
    /// A generic secret
    Generic,
    /// A generic secret that signs and verifies
    Hmac,
}

/// An object that will be created.
struct Planned {
    class: u64,
    id: Vec<u8>,
    template: Template,
}

impl Import {
    pub(crate) fn run(mut self, cx: &Context) -> Result<Added> {
        if self.raw == Some(RawType::Hmac) && self.target.usage.is_empty() {
            self.target.usage = vec![ck::CKA_SIGN, ck::CKA_VERIFY];
        }
        let imported = self.read()?;
        let (found, session) = self.target.open(cx.calls()?)?;
        let planned = self.plan(&session, imported)?;
        let mut made = Vec::new();
        if let Err(failure) = create(&session, planned, &mut made) {
            // All or nothing. An object that cannot be taken back is named by the first failure well enough.
            for object in made {
                let _ = session.destroy(object);
            }
            return Err(failure);
        }
        let objects = made.into_iter().map(|object| summary(&session, &found, object)).collect::<Result<_>>()?;
        Ok(Added { act: "Imported", list: Objects { objects, with_uris: false } })
    }

    /// What the files hold.
    fn read(&self) -> Result<Vec<Imported>> {
        let mut imported = Vec::new();
        for path in &self.files {
            let content = content(path)?;
            match self.raw {
                Some(kind) => imported.push(raw(kind, &content)?),
                None => {
                    let pieces = pieces(&content).map_err(|failure| in_which(path, failure))?;
                    for piece in pieces {
                        imported.push(read_piece(&piece).map_err(|failure| in_which(path, failure))?);
                    }
                }
            }
        }
        Ok(imported)
    }

    /// The objects as they will be: with their ids, labels and flags, and none twice.
    fn plan(&self, session: &Session<'_>, imported: Vec<Imported>) -> Result<Vec<Planned>> {
        let mut planned: Vec<Planned> = Vec::new();
        for one in imported {
            for template in one.objects {
                let class = number(&template, ck::CKA_CLASS).unwrap_or(u64::MAX);
                let id = self.id(session, class, &one.id)?;
                let there = planned.iter().any(|other| other.class == class && other.id == id);
                let there = there || self.is_on_token(session, class, &id)?;
                match class {
                    ck::CKO_PUBLIC_KEY if there => continue,
                    ck::CKO_PRIVATE_KEY | ck::CKO_SECRET_KEY if there => return Err(already_there(&id)),
                    _ => (),
                }
                let template = with_id(self.target.dress(template, class), &id);
                planned.push(Planned { class, id, template });
            }
        }
        let classes: Vec<u64> = planned.iter().map(|planned| planned.class).collect();
        self.target.fits(&classes)?;
        Ok(planned)
    }

    /// The id that was asked for, else that of a key that belongs to this certificate, else the one that follows from
    /// the public key.
    fn id(&self, session: &Session<'_>, class: u64, own: &[u8]) -> Result<Vec<u8>> {
        if let Some(id) = &self.target.id {
            return Ok(id.clone());
        }
        if class == ck::CKO_CERTIFICATE
            && let Some(id) = id_of_key(session, own)?
        {
            return Ok(id);
        }
        Ok(own.to_vec())
    }

    fn is_on_token(&self, session: &Session<'_>, class: u64, id: &[u8]) -> Result<bool> {
        let same = Template::new().number(ck::CKA_CLASS, class).bytes(ck::CKA_ID, id);
        Ok(!session.find(same)?.is_empty())
    }
}

fn create(session: &Session<'_>, planned: Vec<Planned>, made: &mut Vec<u64>) -> Result<()> {
    for object in planned {
        made.push(session.create(object.template)?);
    }
    Ok(())
}

/// The id of the key on the token that belongs to a certificate: its public key gives the same id, and the key may have
/// been given another.
fn id_of_key(session: &Session<'_>, own: &[u8]) -> Result<Option<Vec<u8>>> {
    for class in [ck::CKO_PRIVATE_KEY, ck::CKO_PUBLIC_KEY] {
        for key in session.find(Template::new().number(ck::CKA_CLASS, class))? {
            let info = session.bytes(key, ck::CKA_PUBLIC_KEY_INFO)?.unwrap_or_default();
            if import::public_key(&info).is_ok_and(|imported| imported.id == own) {
                return Ok(session.bytes(key, ck::CKA_ID)?.filter(|id| !id.is_empty()));
            }
        }
    }
    Ok(None)
}

/// The template with this id in the place of the one that it came with.
fn with_id(mut template: Template, id: &[u8]) -> Template {
    template.0.retain(|attribute| attribute.kind != ck::CKA_ID);
    template.bytes(ck::CKA_ID, id)
}

fn already_there(id: &[u8]) -> Failure {
    Failure::new(
        Code::FunctionRejected,
        format!("the token has a key with the id {} already", crate::cli::words::hex(id)),
    )
    .hint("Delete that one first, or give this one another id with --id.")
}

/// A piece of a file as objects. DER without a label is what it can be read as.
fn read_piece(piece: &Piece) -> Result<Imported> {
    Ok(match piece {
        Piece::PrivateKey(der) => import::private_key(der)?,
        Piece::PublicKey(der) => import::public_key(der)?,
        Piece::Certificate(der) => import::certificate(der)?,
        Piece::Unknown(der) => {
            import::private_key(der).or_else(|_| import::certificate(der)).or_else(|_| import::public_key(der))?
        }
    })
}

/// The bytes of a secret key as an object.
fn raw(kind: RawType, value: &[u8]) -> Result<Imported> {
    let key_type = match kind {
        RawType::Aes => ck::CKK_AES,
        RawType::Generic | RawType::Hmac => ck::CKK_GENERIC_SECRET,
    };
    let template = Template::new()
        .number(ck::CKA_CLASS, ck::CKO_SECRET_KEY)
        .number(ck::CKA_KEY_TYPE, key_type)
        .bytes(ck::CKA_VALUE, value);
    Ok(Imported { id: random_id()?, objects: vec![template] })
}

fn content(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let mut content = Zeroizing::new(Vec::with_capacity(LARGEST_FILE as usize + 1));
    let read = match path == Path::new("-") {
        true => std::io::stdin().take(LARGEST_FILE + 1).read_to_end(&mut content),
        false => std::fs::File::open(path).and_then(|file| file.take(LARGEST_FILE + 1).read_to_end(&mut content)),
    };
    read.map_err(in_file(path))?;
    match content.len() as u64 {
        0 => Err(Failure::usage(format!("{} is empty", path.display()))),
        length if length > LARGEST_FILE => {
            Err(Failure::usage(format!("{} is too large for a key file", path.display())))
        }
        _ => Ok(content),
    }
}

fn in_which(path: &Path, failure: Failure) -> Failure {
    let shown = failure.shown();
    let named = Failure::new(failure.code(), format!("{}: {}", path.display(), shown.text)).exit_with(failure.exit());
    match shown.hint {
        Some(hint) => named.hint(hint),
        None => named,
    }
}

fn number(template: &Template, kind: u64) -> Option<u64> {
    match &given(template, kind)?.value {
        Raw::Bytes(bytes) => bytes.as_slice().try_into().ok().map(u64::from_le_bytes),
        Raw::Template(_) => None,
    }
}

/// A key file with a chain of certificates is well below this.
const LARGEST_FILE: u64 = 256 * 1024;
