//! Slots: one for each token, and one that is free. Numbers are small and never change for a token's life.

use super::Engine;
use super::account::{Role, check_length};
use super::application::Member;
use super::token::Token;
use crate::ck;
use crate::error::{Code, Result};
use crate::mechanism::{self, MECHANISMS};
use crate::wire::values::{MechanismInfo, SlotInfo, Status, TokenInfo};
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Engine {
    /// The token in a slot.
    pub(super) fn token(&self, slot: u64) -> Result<Arc<Token>> {
        if let Some(token) = self.tokens.read().get(&slot) {
            return Ok(token.clone());
        }
        self.slot_exists(slot)?;
        Err(Code::TokenNotRecognized
            .because("the token in this slot is not initialised: C_InitToken first (strongroom token init)"))
    }

    /// Every slot with a token, and the lowest number that is free.
    pub(super) fn slots(&self) -> Vec<u64> {
        let tokens = self.tokens.read();
        let mut slots: Vec<u64> = tokens.keys().copied().collect();
        let free = (0..).find(|slot| !tokens.contains_key(slot)).unwrap_or(0);
        slots.push(free);
        slots.sort_unstable();
        slots
    }

    pub(super) fn slot_exists(&self, slot: u64) -> Result<()> {
        if self.slots().contains(&slot) { Ok(()) } else { Err(Code::SlotIdInvalid.into()) }
    }

    pub(super) fn slot_info(&self, slot: u64) -> Result<SlotInfo> {
        self.slot_exists(slot)?;
        Ok(SlotInfo { description: format!("Strongroom slot {slot}"), flags: ck::CKF_TOKEN_PRESENT })
    }

    /// C_InitToken: makes a token in the free slot, or makes the one that is there anew.
    pub(super) fn init_token(&self, slot: u64, pin: &[u8], label: &[u8]) -> Result<()> {
        self.slot_exists(slot)?;
        if self.read_only() {
            return Err(Code::TokenWriteProtected.because("the home is on a read-only medium"));
        }
        let label = std::str::from_utf8(label).map_err(|_| Code::ArgumentsBad.because("the label is not UTF-8"))?;
        let _making = self.making.lock();
        let former = self.tokens.read().get(&slot).cloned();
        match &former {
            Some(token) => self.may_destroy(token, pin)?,
            None => check_length(pin, &self.pins)?,
        }
        let token = Token::make(slot, pin, label, former.as_deref(), &self.store, &self.root, &self.pins)?;
        self.tokens.write().insert(slot, token);
        Ok(())
    }

    /// Destroys a token and all its objects. The slot is free again.
    pub(super) fn delete_token(&self, slot: u64, pin: &[u8]) -> Result<()> {
        if self.read_only() {
            return Err(Code::TokenWriteProtected.because("the home is on a read-only medium"));
        }
        let _making = self.making.lock();
        let token = self.token(slot)?;
        self.may_destroy(&token, pin)?;
        self.store.commit(crate::store::Batch(token.removal()))?;
        self.tokens.write().remove(&slot);
        Ok(())
    }

    fn may_destroy(&self, token: &Token, pin: &[u8]) -> Result<()> {
        if token.sessions.load(Ordering::SeqCst) > 0 {
            return Err(Code::SessionExists.because("an application has a session open with this token"));
        }
        token.open_with(Role::Officer, pin, &self.store, &self.root, &self.pins).map(drop)
    }

    pub(super) fn mechanism_list(&self, slot: u64) -> Result<Vec<u64>> {
        self.slot_exists(slot)?;
        Ok(MECHANISMS.iter().flat_map(|family| family.iter()).map(|mechanism| mechanism.id).collect())
    }

    pub(super) fn mechanism_info(&self, slot: u64, id: u64) -> Result<MechanismInfo> {
        self.slot_exists(slot)?;
        let mechanism = mechanism::find(id).ok_or(Code::MechanismInvalid)?;
        let (min_key, max_key) = mechanism.sizes;
        Ok(MechanismInfo { min_key, max_key, flags: mechanism.info_flags() })
    }

    pub(super) fn status(&self) -> Status {
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: u64::from(std::process::id()),
            home: self.home.display().to_string(),
            read_only: self.read_only(),
            records: self.store.records(),
            damage: self.store.damage(),
        }
    }
}

impl Member {
    /// C_GetTokenInfo. A slot that is free has a token that is not initialised.
    pub(super) fn token_info_of(&self, slot: u64) -> Result<TokenInfo> {
        let engine = &self.engine;
        engine.slot_exists(slot)?;
        let Some(token) = engine.tokens.read().get(&slot).cloned() else {
            let writable = if engine.read_only() { ck::CKF_WRITE_PROTECTED } else { 0 };
            return Ok(self.info(
                String::new(),
                String::new(),
                ck::CKF_RNG | ck::CKF_LOGIN_REQUIRED | writable,
                (0, 0),
            ));
        };
        let record = token.record();
        let flags = token.flags(&engine.pins, engine.read_only());
        Ok(self.info(record.label, record.serial, flags, self.session_counts(slot)))
    }

    fn info(&self, label: String, serial: String, flags: u64, (sessions, rw_sessions): (u64, u64)) -> TokenInfo {
        let pins = &self.engine.pins;
        TokenInfo { label, serial, flags, sessions, rw_sessions, min_pin: pins.min_length, max_pin: pins.max_length }
    }

    /// C_InitPIN: the officer sets the user's PIN.
    pub(super) fn officer_sets_pin(&self, session: u64, pin: &[u8]) -> Result<()> {
        let here = self.at(session)?;
        let login = here.login.as_ref().filter(|login| login.role == Role::Officer);
        let login =
            login.ok_or_else(|| Code::UserNotLoggedIn.because("the SO must be logged in to set the user's PIN"))?;
        here.need_write(self.engine.read_only())?;
        check_length(pin, &self.engine.pins)?;
        let engine = &self.engine;
        here.session.token.set_pin(Role::User, pin, &login.open, &engine.store, &engine.root, &engine.pins)
    }

    /// C_SetPIN: of whoever is logged in; of the user where nobody is.
    pub(super) fn change_pin(&self, session: u64, old: &[u8], new: &[u8]) -> Result<()> {
        let here = self.at(session)?;
        here.need_write(self.engine.read_only())?;
        let role = here.login.as_ref().map_or(Role::User, |login| login.role);
        let engine = &self.engine;
        let open = here.session.token.open_with(role, old, &engine.store, &engine.root, &engine.pins)?;
        check_length(new, &engine.pins)?;
        here.session.token.set_pin(role, new, &open, &engine.store, &engine.root, &engine.pins)
    }
}
