//! The calls, a line or a few each: the session first, then whoever knows.

use super::application::Member;
use super::keys::{DECRYPT, ENCRYPT, SIGN, Use, VERIFY, active, row};
use super::operate;
use super::session::{Active, Slot, Work};
use crate::call::Calls;
use crate::ck;
use crate::crypto::random;
use crate::error::{Code, Result};
use crate::mechanism::{Key, Mechanism};
use crate::object::Object;
use crate::wire::values::*;

/// The room in a session for an operation of one kind.
type Place<T> = fn(&mut Work) -> &mut Slot<T>;

/// The function of a row that starts such an operation.
type Function<T> = fn(&Mechanism) -> Option<Start<T>>;
type Start<T> = fn(&Key, &Parameter) -> Result<T>;

/// Random bytes of one call: more is asked for in several.
const RANDOM: u64 = 16 << 20;

impl Member {
    /// C_EncryptInit, C_DecryptInit, C_SignInit, C_VerifyInit: no mechanism ends what is active.
    fn begin<T>(
        &self,
        session: u64,
        call: Option<MechanismCall>,
        key: u64,
        purpose: &Use,
        function: Function<T>,
        slot: Place<T>,
    ) -> Result<()> {
        let here = self.at(session)?;
        let Some(call) = call else {
            *slot(&mut here.session.work.lock()) = None;
            return Ok(());
        };
        operate::vacant(slot(&mut here.session.work.lock()))?;
        let (row, begin) = row(&call, function)?;
        let key = self.key(&here, key, row, purpose)?;
        let operation = begin(&key.key, &call.parameter)?;
        operate::begin(slot(&mut here.session.work.lock()), active(operation, key))
    }

    /// Works in a session.
    fn work<T>(&self, session: u64, does: impl FnOnce(&mut Work) -> Result<T>) -> Result<T> {
        let here = self.at(session)?;
        does(&mut here.session.work.lock())
    }
}

fn digestible(key: &Object) -> Result<&[u8]> {
    let value = if key.class() == ck::CKO_SECRET_KEY { key.bytes(ck::CKA_VALUE) } else { None };
    value.ok_or_else(|| Code::KeyIndigestible.because("only the value of a secret key can be digested"))
}

impl Calls for Member {
    fn slot_list(&self) -> Result<Vec<u64>> {
        Ok(self.engine.slots())
    }
    fn slot_info(&self, slot: u64) -> Result<SlotInfo> {
        self.engine.slot_info(slot)
    }
    fn token_info(&self, slot: u64) -> Result<TokenInfo> {
        self.token_info_of(slot)
    }
    fn mechanism_list(&self, slot: u64) -> Result<Vec<u64>> {
        self.engine.mechanism_list(slot)
    }
    fn mechanism_info(&self, slot: u64, mechanism: u64) -> Result<MechanismInfo> {
        self.engine.mechanism_info(slot, mechanism)
    }
    fn init_token(&self, slot: u64, pin: &[u8], label: &[u8]) -> Result<()> {
        self.engine.init_token(slot, pin, label)
    }
    fn init_pin(&self, session: u64, pin: &[u8]) -> Result<()> {
        self.officer_sets_pin(session, pin)
    }
    fn set_pin(&self, session: u64, old: &[u8], new: &[u8]) -> Result<()> {
        self.change_pin(session, old, new)
    }
    fn delete_token(&self, slot: u64, pin: &[u8]) -> Result<()> {
        self.engine.delete_token(slot, pin)
    }

    fn open_session(&self, slot: u64, flags: u64) -> Result<u64> {
        self.open(slot, flags)
    }
    fn close_session(&self, session: u64) -> Result<()> {
        self.close(session)
    }
    fn close_all_sessions(&self, slot: u64) -> Result<()> {
        self.close_all(slot)
    }
    fn session_info(&self, session: u64) -> Result<SessionInfo> {
        let here = self.at(session)?;
        let flags = ck::CKF_SERIAL_SESSION | if here.session.read_write { ck::CKF_RW_SESSION } else { 0 };
        Ok(SessionInfo { slot: here.session.token.slot, state: here.state(), flags })
    }
    fn login(&self, session: u64, user: u64, name: Option<&[u8]>, pin: &[u8]) -> Result<()> {
        if name.is_some_and(|name| !name.is_empty()) {
            self.at(session)?;
            return Err(Code::UserTypeInvalid.because("this token has no named users"));
        }
        self.log_in(session, user, pin)
    }
    fn logout(&self, session: u64) -> Result<()> {
        self.log_out(session)
    }
    fn session_cancel(&self, session: u64, flags: u64) -> Result<()> {
        self.work(session, |work| {
            let cancels = |flag| flags & flag != 0;
            if cancels(ck::CKF_ENCRYPT) {
                work.encrypt = None;
            }
            if cancels(ck::CKF_DECRYPT) {
                work.decrypt = None;
            }
            if cancels(ck::CKF_DIGEST) {
                work.digest = None;
            }
            if cancels(ck::CKF_SIGN) {
                work.sign = None;
            }
            if cancels(ck::CKF_VERIFY) {
                work.verify = None;
            }
            if cancels(ck::CKF_FIND_OBJECTS) {
                work.find = None;
            }
            Ok(())
        })
    }

    fn create_object(&self, session: u64, template: Template) -> Result<u64> {
        self.create(session, &template)
    }
    fn copy_object(&self, session: u64, object: u64, template: Template) -> Result<u64> {
        self.copy(session, object, &template)
    }
    fn destroy_object(&self, session: u64, object: u64) -> Result<()> {
        self.destroy(session, object)
    }
    fn object_size(&self, session: u64, object: u64) -> Result<u64> {
        self.size(session, object)
    }
    fn attributes(&self, session: u64, object: u64, kinds: Vec<u64>) -> Result<Vec<Shown>> {
        self.show(session, object, &kinds)
    }
    fn set_attributes(&self, session: u64, object: u64, template: Template) -> Result<()> {
        self.change(session, object, &template)
    }
    fn find_init(&self, session: u64, template: Template) -> Result<()> {
        self.begin_find(session, template)
    }
    fn find(&self, session: u64, most: u64) -> Result<Vec<u64>> {
        self.continue_find(session, most)
    }
    fn find_final(&self, session: u64) -> Result<()> {
        self.end_find(session)
    }

    fn encrypt_init(&self, session: u64, mechanism: Option<MechanismCall>, key: u64) -> Result<()> {
        self.begin(session, mechanism, key, &ENCRYPT, |row| row.encrypt, |work| &mut work.encrypt)
    }
    fn encrypt(&self, session: u64, data: &[u8], room: Room) -> Result<Output> {
        self.work(session, |work| operate::whole(&mut work.encrypt, data, room))
    }
    fn encrypt_update(&self, session: u64, data: &[u8], room: Room) -> Result<Output> {
        self.work(session, |work| operate::part(&mut work.encrypt, data, room))
    }
    fn encrypt_final(&self, session: u64, room: Room) -> Result<Output> {
        self.work(session, |work| operate::last(&mut work.encrypt, room))
    }
    fn decrypt_init(&self, session: u64, mechanism: Option<MechanismCall>, key: u64) -> Result<()> {
        self.begin(session, mechanism, key, &DECRYPT, |row| row.decrypt, |work| &mut work.decrypt)
    }
    fn decrypt(&self, session: u64, data: &[u8], room: Room) -> Result<Output> {
        self.work(session, |work| operate::whole(&mut work.decrypt, data, room))
    }
    fn decrypt_update(&self, session: u64, data: &[u8], room: Room) -> Result<Output> {
        self.work(session, |work| operate::part(&mut work.decrypt, data, room))
    }
    fn decrypt_final(&self, session: u64, room: Room) -> Result<Output> {
        self.work(session, |work| operate::last(&mut work.decrypt, room))
    }

    fn digest_init(&self, session: u64, mechanism: Option<MechanismCall>) -> Result<()> {
        self.work(session, |work| {
            let Some(call) = mechanism else {
                work.digest = None;
                return Ok(());
            };
            operate::vacant(&work.digest)?;
            let (_, begin) = row(&call, |row| row.digest)?;
            let operation = begin(&call.parameter)?;
            operate::begin(&mut work.digest, Active { operation, key: None, awaits_login: false, in_parts: false })
        })
    }
    fn digest(&self, session: u64, data: &[u8], room: Room) -> Result<Output> {
        self.work(session, |work| operate::whole(&mut work.digest, data, room))
    }
    fn digest_update(&self, session: u64, data: &[u8]) -> Result<()> {
        self.work(session, |work| operate::quiet_part(&mut work.digest, data))
    }
    fn digest_key(&self, session: u64, key: u64) -> Result<()> {
        let here = self.at(session)?;
        let mut work = here.session.work.lock();
        if work.digest.is_none() {
            return Err(Code::OperationNotInitialized.into());
        }
        let stored = self.object(&here, key).map_err(|_| Code::KeyHandleInvalid);
        let fed = stored
            .map_err(Into::into)
            .and_then(|stored| operate::quiet_part(&mut work.digest, digestible(stored.object())?));
        fed.inspect_err(|_| work.digest = None)
    }
    fn digest_final(&self, session: u64, room: Room) -> Result<Output> {
        self.work(session, |work| operate::last(&mut work.digest, room))
    }

    fn sign_init(&self, session: u64, mechanism: Option<MechanismCall>, key: u64) -> Result<()> {
        self.begin(session, mechanism, key, &SIGN, |row| row.sign, |work| &mut work.sign)
    }
    fn sign(&self, session: u64, data: &[u8], room: Room) -> Result<Output> {
        self.work(session, |work| operate::whole(&mut work.sign, data, room))
    }
    fn sign_update(&self, session: u64, data: &[u8]) -> Result<()> {
        self.work(session, |work| operate::quiet_part(&mut work.sign, data))
    }
    fn sign_final(&self, session: u64, room: Room) -> Result<Output> {
        self.work(session, |work| operate::last(&mut work.sign, room))
    }
    fn verify_init(&self, session: u64, mechanism: Option<MechanismCall>, key: u64) -> Result<()> {
        self.begin(session, mechanism, key, &VERIFY, |row| row.verify, |work| &mut work.verify)
    }
    fn verify(&self, session: u64, data: &[u8], signature: &[u8]) -> Result<()> {
        self.work(session, |work| operate::verify(&mut work.verify, data, signature))
    }
    fn verify_update(&self, session: u64, data: &[u8]) -> Result<()> {
        self.work(session, |work| operate::verify_part(&mut work.verify, data))
    }
    fn verify_final(&self, session: u64, signature: &[u8]) -> Result<()> {
        self.work(session, |work| operate::verify_last(&mut work.verify, signature))
    }

    fn generate_key(&self, session: u64, mechanism: MechanismCall, template: Template) -> Result<u64> {
        self.generate(session, &mechanism, &template)
    }
    fn generate_key_pair(
        &self,
        session: u64,
        mechanism: MechanismCall,
        public: Template,
        private: Template,
    ) -> Result<(u64, u64)> {
        self.generate_pair(session, &mechanism, &public, &private)
    }
    fn wrap_key(&self, session: u64, mechanism: MechanismCall, wrapping: u64, key: u64, room: Room) -> Result<Output> {
        self.wrap(session, &mechanism, wrapping, key, room)
    }
    fn unwrap_key(
        &self,
        session: u64,
        mechanism: MechanismCall,
        unwrapping: u64,
        wrapped: &[u8],
        template: Template,
    ) -> Result<u64> {
        self.unwrap(session, &mechanism, unwrapping, wrapped, template)
    }
    fn derive_key(&self, session: u64, mechanism: MechanismCall, base: u64, template: Template) -> Result<u64> {
        self.derive(session, &mechanism, base, template)
    }

    fn seed_random(&self, session: u64, seed: &[u8]) -> Result<()> {
        self.at(session)?;
        // The kernel's generator needs no seed from us and takes none for others: what is given can only be mixed in.
        random::mix(seed)
    }
    fn generate_random(&self, session: u64, length: u64) -> Result<Vec<u8>> {
        self.at(session)?;
        if length > RANDOM {
            return Err(Code::DataLenRange.because("one request yields at most 16 MiB of random bytes"));
        }
        let mut bytes = vec![0; length as usize];
        random::fill(&mut bytes)?;
        Ok(bytes)
    }

    fn status(&self) -> Result<Status> {
        Ok(self.engine.status())
    }
}
