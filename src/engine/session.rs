//! A session and what is going on in it.

use super::account::Role;
use super::application::Login;
use super::objects::{Find, Stored};
use super::token::{Open, Token};
use crate::ck;
use crate::error::{Code, Result};
use crate::mechanism::{Operation, Verification};
use crate::object::Authority;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A session of an application with a token.
pub struct Session {
    /// Its handle.
    pub handle: u64,
    /// Its token.
    pub token: Arc<Token>,
    /// Whether it was opened with `CKF_RW_SESSION`.
    pub read_write: bool,
    /// The highest number that a request had when this session was last asked for.
    pub touched: AtomicU64,
    /// The operations in progress. One thread at a time works in a session; others of the application do not wait.
    pub work: Mutex<Work>,
}

/// The operations in progress in a session: one of each kind (section 5, "session state").
#[derive(Default)]
pub struct Work {
    /// C_EncryptInit …
    pub encrypt: Slot<Box<dyn Operation>>,
    /// C_DecryptInit …
    pub decrypt: Slot<Box<dyn Operation>>,
    /// C_DigestInit …
    pub digest: Slot<Box<dyn Operation>>,
    /// C_SignInit …
    pub sign: Slot<Box<dyn Operation>>,
    /// C_VerifyInit …
    pub verify: Slot<Box<dyn Verification>>,
    /// C_FindObjectsInit …
    pub find: Option<Find>,
}

/// Room for one operation.
pub type Slot<T> = Option<Active<T>>;

/// An operation in progress.
pub struct Active<T> {
    /// Its state.
    pub operation: T,
    /// The key at work: kept alive for as long as it is.
    pub key: Option<Arc<Stored>>,
    /// The key is `CKA_ALWAYS_AUTHENTICATE` and the user has not yet logged in for this operation.
    pub awaits_login: bool,
    /// A part has been given: the operation can no longer be ended in one call.
    pub in_parts: bool,
}

impl Session {
    /// The session of a forked child whose parent's last request before the fork had the number `last`. What the parent
    /// has begun or moved on since is not the child's: its operations are left out rather than mixed up.
    pub fn copy(&self, last: u64) -> Session {
        self.token.enter();
        let work = self.work.lock();
        // Asked under the lock: a request that touches the session later finds the copy made.
        let untouched = self.touched.load(Ordering::SeqCst) <= last;
        let copied = if untouched { work.duplicate() } else { Work::default() };
        Session {
            handle: self.handle,
            token: self.token.clone(),
            read_write: self.read_write,
            touched: AtomicU64::new(0),
            work: Mutex::new(copied),
        }
    }
}

impl Work {
    /// Operations that wait for C_Login with CKU_CONTEXT_SPECIFIC.
    pub fn waiting(&mut self) -> Vec<&mut bool> {
        let operations = [&mut self.encrypt, &mut self.decrypt, &mut self.sign];
        let mut waiting: Vec<&mut bool> =
            operations.into_iter().flatten().map(|active| &mut active.awaits_login).filter(|awaits| **awaits).collect();
        waiting.extend(self.verify.as_mut().map(|active| &mut active.awaits_login).filter(|awaits| **awaits));
        waiting
    }

    /// The same work in a forked child.
    pub fn duplicate(&self) -> Work {
        Work {
            encrypt: again(&self.encrypt, |operation| operation.duplicate()),
            decrypt: again(&self.decrypt, |operation| operation.duplicate()),
            digest: again(&self.digest, |operation| operation.duplicate()),
            sign: again(&self.sign, |operation| operation.duplicate()),
            verify: again(&self.verify, |operation| operation.duplicate()),
            find: self.find.clone(),
        }
    }
}

fn again<T>(slot: &Slot<T>, duplicate: impl Fn(&T) -> T) -> Slot<T> {
    slot.as_ref().map(|active| Active {
        operation: duplicate(&active.operation),
        key: active.key.clone(),
        awaits_login: active.awaits_login,
        in_parts: active.in_parts,
    })
}

/// A session, and who is logged in at its token: where every call begins.
pub struct Here {
    /// The session.
    pub session: Arc<Session>,
    /// The application's login at the token.
    pub login: Option<Login>,
}

impl Here {
    /// The keys of private objects, if the user is logged in.
    pub fn user(&self) -> Option<&Arc<Open>> {
        self.login.as_ref().filter(|login| login.role == Role::User).map(|login| &login.open)
    }

    /// The keys of private objects, or `CKR_USER_NOT_LOGGED_IN`.
    pub fn need_user(&self) -> Result<&Arc<Open>> {
        self.user().ok_or_else(|| Code::UserNotLoggedIn.because("private objects need the user to be logged in"))
    }

    /// Who asks, as far as attributes care.
    pub fn authority(&self) -> Authority {
        match self.login.as_ref().map(|login| login.role) {
            None => Authority::Public,
            Some(Role::User) => Authority::User,
            Some(Role::Officer) => Authority::Officer,
        }
    }

    /// `CKS_…`
    pub fn state(&self) -> u64 {
        match (self.session.read_write, self.login.as_ref().map(|login| login.role)) {
            (false, None) => ck::CKS_RO_PUBLIC_SESSION,
            (false, Some(_)) => ck::CKS_RO_USER_FUNCTIONS,
            (true, None) => ck::CKS_RW_PUBLIC_SESSION,
            (true, Some(Role::User)) => ck::CKS_RW_USER_FUNCTIONS,
            (true, Some(Role::Officer)) => ck::CKS_RW_SO_FUNCTIONS,
        }
    }

    /// Token objects may be changed here, or `CKR_SESSION_READ_ONLY` / `CKR_TOKEN_WRITE_PROTECTED`.
    pub fn need_write(&self, read_only: bool) -> Result<()> {
        if !self.session.read_write {
            return Err(
                Code::SessionReadOnly.because("token objects change in a read-write session only (CKF_RW_SESSION)")
            );
        }
        if read_only {
            return Err(Code::TokenWriteProtected.because("the home is on a read-only medium"));
        }
        Ok(())
    }
}
