//! Keys at work: may this key do this, and the five functions that make keys.

use super::application::Member;
use super::kin;
use super::objects::Stored;
use super::session::{Active, Here};
use crate::ck;
use crate::error::{Code, Error, Result};
use crate::mechanism::{self, Derivation, Kinship, Mechanism, Others};
use crate::object::{self, Object, Origin};
use crate::secret::Secret;
use crate::wire::values::{MechanismCall, Named, Output, Raw, Room, Template};
use std::cell::RefCell;
use std::sync::Arc;
use zeroize::Zeroizing;

/// How a key is to be used: the attribute that permits it, and the codes of the standard for a key that is
/// not there, not of the right type, or not of the right size.
pub struct Use {
    permit: Option<u64>,
    missing: Code,
    wrong_type: Code,
    wrong_size: Code,
}

const fn plain(permit: u64) -> Use {
    Use {
        permit: Some(permit),
        missing: Code::KeyHandleInvalid,
        wrong_type: Code::KeyTypeInconsistent,
        wrong_size: Code::KeySizeRange,
    }
}

/// C_EncryptInit
pub const ENCRYPT: Use = plain(ck::CKA_ENCRYPT);
/// C_DecryptInit
pub const DECRYPT: Use = plain(ck::CKA_DECRYPT);
/// C_SignInit
pub const SIGN: Use = plain(ck::CKA_SIGN);
/// C_VerifyInit
pub const VERIFY: Use = plain(ck::CKA_VERIFY);
const DERIVE: Use = plain(ck::CKA_DERIVE);
/// What is done with a key that tells only what everyone may know.
const SHOW: Use = Use { permit: None, ..plain(ck::CKA_DERIVE) };
const WRAP: Use = Use {
    permit: Some(ck::CKA_WRAP),
    missing: Code::WrappingKeyHandleInvalid,
    wrong_type: Code::WrappingKeyTypeInconsistent,
    wrong_size: Code::WrappingKeySizeRange,
};
const UNWRAP: Use = Use {
    permit: Some(ck::CKA_UNWRAP),
    missing: Code::UnwrappingKeyHandleInvalid,
    wrong_type: Code::UnwrappingKeyTypeInconsistent,
    wrong_size: Code::UnwrappingKeySizeRange,
};

const KEY_CLASSES: [u64; 3] = [ck::CKO_PUBLIC_KEY, ck::CKO_PRIVATE_KEY, ck::CKO_SECRET_KEY];

/// The row of a mechanism that has the function that is asked for.
pub fn row<F>(call: &MechanismCall, function: impl Fn(&Mechanism) -> Option<F>) -> Result<(&'static Mechanism, F)> {
    let row = mechanism::find(call.id).ok_or(Code::MechanismInvalid)?;
    let function =
        function(row).ok_or_else(|| Code::MechanismInvalid.because(format!("{} does not do this", row.name)))?;
    Ok((row, function))
}

impl Member {
    /// The key with a handle, if it may be used so with this mechanism.
    pub(super) fn key(&self, here: &Here, handle: u64, row: &Mechanism, purpose: &Use) -> Result<Arc<Stored>> {
        let stored = self.object(here, handle).map_err(|error| missing(error, purpose.missing))?;
        let key = stored.object();
        if !KEY_CLASSES.contains(&key.class()) {
            return Err(purpose.missing.because("the object is not a key"));
        }
        if !row.keys.contains(&key.key_type()) {
            return Err(purpose.wrong_type.because(format!("{} does not work with a key of this type", row.name)));
        }
        if purpose.permit.is_some_and(|permit| !key.flag(permit)) {
            return Err(Code::KeyFunctionNotPermitted.into());
        }
        if !allows(key, row.id) {
            return Err(
                Code::MechanismInvalid.because(format!("CKA_ALLOWED_MECHANISMS of the key does not list {}", row.name))
            );
        }
        if !(row.sizes.0..=row.sizes.1).contains(&object::key_size(key)) && row.sizes != (0, 0) {
            return Err(purpose
                .wrong_size
                .because(format!("{} takes keys of {} to {}", row.name, row.sizes.0, row.sizes.1)));
        }
        Ok(stored)
    }

    /// C_GenerateKey
    pub(super) fn generate(&self, session: u64, call: &MechanismCall, template: &Template) -> Result<u64> {
        let here = self.at(session)?;
        let (row, generate) = row(call, |row| row.generate)?;
        let origin = Origin::Generate(row.id);
        let draft = object::draft(template, ck::CKO_SECRET_KEY, made_type(row, template), &origin, here.authority())?;
        self.may_keep(&here, &draft)?;
        let made = generate(&call.parameter, &draft)?;
        self.keep_one(&here, object::complete(draft, made, &origin)?)
    }

    /// C_GenerateKeyPair: both halves are kept, or neither.
    pub(super) fn generate_pair(
        &self,
        session: u64,
        call: &MechanismCall,
        public: &Template,
        private: &Template,
    ) -> Result<(u64, u64)> {
        let here = self.at(session)?;
        let (row, generate) = row(call, |row| row.generate_pair)?;
        let origin = Origin::Generate(row.id);
        let draft =
            |template, class| object::draft(template, class, row.keys.first().copied(), &origin, here.authority());
        let (public, private) = (draft(public, ck::CKO_PUBLIC_KEY)?, draft(private, ck::CKO_PRIVATE_KEY)?);
        self.may_keep(&here, &public)?;
        self.may_keep(&here, &private)?;
        let (made_public, made_private) = generate(&call.parameter, &public, &private)?;
        let mut public = object::complete(public, made_public, &origin)?;
        let mut private = object::complete(private, made_private, &origin)?;
        object::pair(&mut public, &mut private);
        let handles = self.keep(&here, vec![public, private])?;
        Ok((handles[0], handles[1]))
    }

    /// C_WrapKey
    pub(super) fn wrap(
        &self,
        session: u64,
        call: &MechanismCall,
        wrapping: u64,
        key: u64,
        room: Room,
    ) -> Result<Output> {
        let here = self.at(session)?;
        let (row, wrap) = row(call, |row| row.wrap)?;
        let wrapping = self.key(&here, wrapping, row, &WRAP)?;
        let stored = self.object(&here, key).map_err(|error| missing(error, Code::KeyHandleInvalid))?;
        may_be_wrapped(stored.object(), wrapping.object())?;
        let wrapped = wrap(&wrapping.key, &call.parameter, &object::wrappable(stored.object())?)?;
        let length = wrapped.len() as u64;
        Ok(match room {
            None => Output::Length(length),
            Some(room) if room < length => Output::TooSmall(length),
            Some(_) => Output::Bytes(Zeroizing::new(wrapped)),
        })
    }

    /// C_UnwrapKey
    pub(super) fn unwrap(
        &self,
        session: u64,
        call: &MechanismCall,
        unwrapping: u64,
        wrapped: &[u8],
        template: Template,
    ) -> Result<u64> {
        let here = self.at(session)?;
        let (row, unwrap) = row(call, |row| row.unwrap)?;
        let unwrapping = self.key(&here, unwrapping, row, &UNWRAP)?;
        let template = object::imposed(template, unwrapping.object(), ck::CKA_UNWRAP_TEMPLATE)?;
        let class = class_of(&template)?;
        let draft = object::draft(&template, class, None, &Origin::Unwrap, here.authority())?;
        self.may_keep(&here, &draft)?;
        let bytes = unwrap(&unwrapping.key, &call.parameter, wrapped)?;
        let made = object::unwrapped(&draft, &bytes)?;
        self.keep_one(&here, object::complete(draft, made, &Origin::Unwrap)?)
    }

    /// C_DeriveKey
    pub(super) fn derive(&self, session: u64, call: &MechanismCall, base: u64, template: Template) -> Result<u64> {
        let here = self.at(session)?;
        let (row, _) = row(call, |row| row.derivation.map(|_| ()).or(row.derive.map(|_| ())))?;
        match (row.derivation, row.derive) {
            (Some(derivation), _) => self.derive_with(&here, row, derivation, call, base, template),
            (None, Some(derive)) => self.derive_bytes(&here, row, derive, call, base, template),
            (None, None) => Err(Code::MechanismInvalid.into()),
        }
    }

    fn derive_bytes(
        &self,
        here: &Here,
        row: &Mechanism,
        derive: mechanism::Derive,
        call: &MechanismCall,
        base: u64,
        template: Template,
    ) -> Result<u64> {
        let base = self.key(here, base, row, &DERIVE)?;
        let template = object::imposed(template, base.object(), ck::CKA_DERIVE_TEMPLATE)?;
        let origin = Origin::Derive(base.object());
        let draft =
            object::draft(&template, ck::CKO_SECRET_KEY, Some(ck::CKK_GENERIC_SECRET), &origin, here.authority())?;
        self.may_keep(here, &draft)?;
        let bytes: Secret = derive(&base.key, &call.parameter, &draft)?;
        let made = object::derived(&draft, &bytes)?;
        self.keep_one(here, object::complete(draft, made, &origin)?)
    }

    fn derive_with(
        &self,
        here: &Here,
        row: &'static Mechanism,
        derivation: Derivation,
        call: &MechanismCall,
        base: u64,
        template: Template,
    ) -> Result<u64> {
        let purpose = if derivation.kinship == Kinship::Public { &SHOW } else { &DERIVE };
        let base = self.key(here, base, row, purpose)?;
        let template = object::imposed(template, base.object(), ck::CKA_DERIVE_TEMPLATE)?;
        let template = kin::inherited(template, base.object(), derivation.kinship);
        let key_type = kin::key_type(derivation.class, base.object());
        let origin = Origin::Derive(base.object());
        let mut draft = object::derivation_draft(&template, derivation.class, key_type, &origin, here.authority())?;
        self.may_keep(here, &draft)?;
        let others = Relations { member: self, here, row, met: RefCell::new(Vec::new()) };
        let made = (derivation.derive)(&base.key, &call.parameter, &others, &draft)?;
        let met = others.met.into_inner();
        let parents: Vec<&Object> = std::iter::once(base.object()).chain(&met).collect();
        kin::bind(&mut draft, &parents, derivation.kinship);
        let parent = kin::joint(&parents, derivation.kinship);
        self.keep_one(here, object::complete(draft, made, &Origin::Derive(&parent))?)
    }
}

/// The other keys of a derivation: found by their handles, and remembered.
struct Relations<'a> {
    member: &'a Member,
    here: &'a Here,
    row: &'static Mechanism,
    met: RefCell<Vec<Object>>,
}

impl Others for Relations<'_> {
    fn key(&self, named: Named) -> Result<Object> {
        let stored = self.member.key(self.here, named.handle(), self.row, &DERIVE)?;
        self.met.borrow_mut().push(stored.object().clone());
        Ok(stored.object().clone())
    }
}

/// The key type that a generator makes: what the template asks for where the generator makes several, else its first.
fn made_type(row: &Mechanism, template: &Template) -> Option<u64> {
    let asked = match object::given(template, ck::CKA_KEY_TYPE).map(|attribute| &attribute.value) {
        Some(Raw::Bytes(bytes)) => <[u8; 8]>::try_from(bytes.as_slice()).ok().map(u64::from_le_bytes),
        _ => None,
    };
    asked.filter(|asked| row.keys.contains(asked)).or(row.keys.first().copied())
}

/// An operation with a key, ready for its slot.
pub fn active<T>(operation: T, key: Arc<Stored>) -> Active<T> {
    let awaits_login = key.object().flag(ck::CKA_ALWAYS_AUTHENTICATE);
    Active { operation, key: Some(key), awaits_login, in_parts: false }
}

fn may_be_wrapped(key: &Object, wrapping: &Object) -> Result<()> {
    if ![ck::CKO_PRIVATE_KEY, ck::CKO_SECRET_KEY].contains(&key.class()) {
        return Err(if key.class() == ck::CKO_PUBLIC_KEY { Code::KeyNotWrappable } else { Code::KeyHandleInvalid }
            .because("only secret and private keys are wrapped"));
    }
    if !key.flag(ck::CKA_EXTRACTABLE) {
        return Err(Code::KeyUnextractable.because("CKA_EXTRACTABLE of the key is FALSE"));
    }
    if key.flag(ck::CKA_WRAP_WITH_TRUSTED) && !wrapping.flag(ck::CKA_TRUSTED) {
        return Err(
            Code::KeyNotWrappable.because("the key may only be wrapped under a trusted key (CKA_WRAP_WITH_TRUSTED)")
        );
    }
    if !object::wrap_allowed(key, wrapping) {
        // The standard's code for this (section 5.18.3), though another would say more.
        return Err(Code::KeyHandleInvalid.because("CKA_WRAP_TEMPLATE of the wrapping key excludes this key"));
    }
    Ok(())
}

fn class_of(template: &Template) -> Result<u64> {
    match object::given(template, ck::CKA_CLASS).map(|attribute| &attribute.value) {
        None => Err(Code::TemplateIncomplete.because("CKA_CLASS says what kind of key is unwrapped")),
        Some(Raw::Bytes(bytes)) => {
            let bytes: [u8; 8] = bytes.as_slice().try_into().map_err(|_| Code::AttributeValueInvalid)?;
            Ok(u64::from_le_bytes(bytes))
        }
        Some(Raw::Template(_)) => Err(Code::AttributeValueInvalid.into()),
    }
}

fn allows(key: &Object, mechanism: u64) -> bool {
    match key.value(ck::CKA_ALLOWED_MECHANISMS) {
        Some(object::Value::Numbers(allowed)) => allowed.contains(&mechanism),
        _ => true,
    }
}

/// A handle that stands for nothing is told as the function at hand tells it; anything else stays what it is.
fn missing(error: Error, code: Code) -> Error {
    if error.code() == Code::ObjectHandleInvalid { code.into() } else { error }
}
