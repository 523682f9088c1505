//! One application: its sessions, its handles, its logins. Another application's are another [`Member`].

use super::Engine;
use super::account::Role;
use super::handles::{Entry, Handles};
use super::session::{Here, Session};
use super::token::{Open, Token};
use crate::call::{Application, Standing};
use crate::ck;
use crate::error::{Code, Result};
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// An application at the engine.
pub struct Member {
    pub(super) engine: Arc<Engine>,
    /// The last handle that was given, to sessions and objects alike.
    last: AtomicU64,
    /// The highest number of a request that has come.
    arrived: AtomicU64,
    pub(super) sessions: RwLock<HashMap<u64, Arc<Session>>>,
    pub(super) handles: RwLock<Handles>,
    /// By slot: a login is the application's, not the session's (section 5.6.8).
    logins: RwLock<HashMap<u64, Login>>,
}

/// Who is logged in at a token, and what that opens.
#[derive(Clone)]
pub struct Login {
    /// Officer or user.
    pub role: Role,
    /// The keys of private objects. The officer holds them to set PINs; what he may see is decided by his role.
    pub open: Arc<Open>,
}

/// Sessions of one application: more than any client needs, few enough to bound a runaway one.
const SESSIONS: usize = 65_536;

impl Member {
    /// A new application whose handles are larger than `after`.
    pub fn new(engine: Arc<Engine>, after: u64) -> Member {
        Member {
            engine,
            last: AtomicU64::new(after),
            arrived: AtomicU64::new(0),
            sessions: RwLock::default(),
            handles: RwLock::default(),
            logins: RwLock::default(),
        }
    }

    /// The next handle. Zero is never one.
    pub(super) fn next_handle(&self) -> u64 {
        self.last.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The session with a handle, and who is logged in at its token.
    pub(super) fn at(&self, session: u64) -> Result<Here> {
        let session = self.sessions.read().get(&session).cloned().ok_or(Code::SessionHandleInvalid)?;
        session.touched.fetch_max(self.arrived.load(Ordering::SeqCst), Ordering::SeqCst);
        let login = self.logins.read().get(&session.token.slot).cloned();
        Ok(Here { session, login })
    }

    /// C_OpenSession
    pub(super) fn open(&self, slot: u64, flags: u64) -> Result<u64> {
        if flags & ck::CKF_SERIAL_SESSION == 0 {
            return Err(Code::SessionParallelNotSupported.into());
        }
        if flags & ck::CKF_ASYNC_SESSION != 0 {
            return Err(Code::SessionAsyncNotSupported.into());
        }
        let token = self.engine.token(slot)?;
        let read_write = flags & ck::CKF_RW_SESSION != 0;
        // Held to the end, so that a login of the SO and a read-only session cannot slip past each other.
        let logins = self.logins.read();
        if !read_write && logins.get(&slot).is_some_and(|login| login.role == Role::Officer) {
            return Err(Code::SessionReadWriteSoExists.into());
        }
        let mut sessions = self.sessions.write();
        if sessions.len() >= SESSIONS {
            return Err(Code::SessionCount.into());
        }
        let handle = self.next_handle();
        token.enter();
        sessions.insert(
            handle,
            Arc::new(Session { handle, token, read_write, touched: AtomicU64::new(0), work: Mutex::default() }),
        );
        Ok(handle)
    }

    /// C_CloseSession: its objects go; with the last session at a token the login goes too.
    pub(super) fn close(&self, handle: u64) -> Result<()> {
        let mut logins = self.logins.write();
        let mut sessions = self.sessions.write();
        let session = sessions.remove(&handle).ok_or(Code::SessionHandleInvalid)?;
        session.token.leave();
        let slot = session.token.slot;
        let last = !sessions.values().any(|other| other.token.slot == slot);
        drop(sessions);
        let mut handles = self.handles.write();
        handles.retain(|entry| !matches!(entry, Entry::Session { owner, .. } if *owner == handle));
        if last && logins.remove(&slot).is_some() {
            handles.retain(|entry| !is_private(entry, slot));
        }
        Ok(())
    }

    /// C_CloseAllSessions
    pub(super) fn close_all(&self, slot: u64) -> Result<()> {
        self.engine.slot_exists(slot)?;
        let handles: Vec<u64> = self
            .sessions
            .read()
            .values()
            .filter(|session| session.token.slot == slot)
            .map(|session| session.handle)
            .collect();
        // One that another thread closes meanwhile is closed all the same.
        handles.into_iter().for_each(|handle| drop(self.close(handle)));
        Ok(())
    }

    /// C_Login and C_LoginUser
    pub(super) fn log_in(&self, session: u64, user: u64, pin: &[u8]) -> Result<()> {
        let here = self.at(session)?;
        let role = match user {
            ck::CKU_SO => Role::Officer,
            ck::CKU_USER => Role::User,
            ck::CKU_CONTEXT_SPECIFIC => return self.log_in_for_operation(&here, pin),
            _ => return Err(Code::UserTypeInvalid.into()),
        };
        self.may_log_in(&here, role)?;
        let open = self.open_token(&here.session.token, role, pin)?;
        let mut logins = self.logins.write();
        // Another thread may have been quicker, with a login or with a read-only session.
        may_follow(logins.get(&here.session.token.slot).map(|login| login.role), role)?;
        self.no_reader(&here, role)?;
        if !self.sessions.read().contains_key(&session) {
            return Err(Code::SessionClosed.into());
        }
        logins.insert(here.session.token.slot, Login { role, open });
        Ok(())
    }

    fn open_token(&self, token: &Token, role: Role, pin: &[u8]) -> Result<Arc<Open>> {
        token.open_with(role, pin, &self.engine.store, &self.engine.root, &self.engine.pins)
    }

    fn may_log_in(&self, here: &Here, role: Role) -> Result<()> {
        may_follow(here.login.as_ref().map(|login| login.role), role)?;
        self.no_reader(here, role)
    }

    /// The SO cannot be logged in beside a read-only session.
    fn no_reader(&self, here: &Here, role: Role) -> Result<()> {
        let slot = here.session.token.slot;
        let reading = || self.sessions.read().values().any(|other| other.token.slot == slot && !other.read_write);
        if role == Role::Officer && reading() {
            return Err(Code::SessionReadOnlyExists.into());
        }
        Ok(())
    }

    /// A login for one operation with a key that is `CKA_ALWAYS_AUTHENTICATE`. A wrong PIN counts, and leaves the
    /// user's login as it is.
    fn log_in_for_operation(&self, here: &Here, pin: &[u8]) -> Result<()> {
        if here.session.work.lock().waiting().is_empty() {
            return Err(
                Code::OperationNotInitialized.because("no operation of this session waits for a login of its own")
            );
        }
        here.need_user()?;
        self.open_token(&here.session.token, Role::User, pin)?;
        here.session.work.lock().waiting().into_iter().for_each(|awaits| *awaits = false);
        Ok(())
    }

    /// C_Logout: private objects are out of sight, private session objects are gone, operations with keys end.
    pub(super) fn log_out(&self, session: u64) -> Result<()> {
        let here = self.at(session)?;
        let slot = here.session.token.slot;
        if self.logins.write().remove(&slot).is_none() {
            return Err(Code::UserNotLoggedIn.into());
        }
        self.handles.write().retain(|entry| !is_private(entry, slot));
        let sessions: Vec<_> =
            self.sessions.read().values().filter(|other| other.token.slot == slot).cloned().collect();
        for session in sessions {
            session.work.lock().end_private();
        }
        Ok(())
    }

    /// How many sessions this application has at a slot, and how many of them are read-write.
    pub(super) fn session_counts(&self, slot: u64) -> (u64, u64) {
        let sessions = self.sessions.read();
        let here = || sessions.values().filter(|session| session.token.slot == slot);
        (here().count() as u64, here().filter(|session| session.read_write).count() as u64)
    }
}

impl super::session::Work {
    /// Ends what works with private keys or looks for private objects.
    fn end_private(&mut self) {
        fn end<T>(slot: &mut super::session::Slot<T>) {
            if slot.as_ref().and_then(|active| active.key.as_ref()).is_some_and(|key| key.private) {
                *slot = None;
            }
        }
        end(&mut self.encrypt);
        end(&mut self.decrypt);
        end(&mut self.sign);
        end(&mut self.verify);
        self.find = None;
    }
}

fn may_follow(present: Option<Role>, wanted: Role) -> Result<()> {
    match present {
        None => Ok(()),
        Some(role) if role == wanted => Err(Code::UserAlreadyLoggedIn.into()),
        Some(_) => Err(Code::UserAnotherAlreadyLoggedIn.into()),
    }
}

fn is_private(entry: &Entry, at: u64) -> bool {
    match entry {
        Entry::Session { slot, object, .. } => *slot == at && object.private,
        Entry::Token { slot, private, .. } => *slot == at && *private,
        Entry::Builtin { .. } => false,
    }
}

impl Application for Member {
    fn standing(&self) -> Standing {
        Standing { highest: self.last.load(Ordering::Relaxed), sessions: self.sessions.read().len() as u64 }
    }

    fn arrived(&self, number: u64) {
        self.arrived.fetch_max(number, Ordering::SeqCst);
    }

    fn fork(&self, after: u64, last: u64) -> Arc<dyn Application> {
        let logins = self.logins.read().clone();
        let sessions = self.sessions.read();
        let copies = sessions.iter().map(|(handle, session)| (*handle, Arc::new(session.copy(last))));
        Arc::new(Member {
            engine: self.engine.clone(),
            last: AtomicU64::new(after.max(self.last.load(Ordering::Relaxed))),
            arrived: AtomicU64::new(0),
            sessions: RwLock::new(copies.collect()),
            handles: RwLock::new(self.handles.read().clone()),
            logins: RwLock::new(logins),
        })
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.sessions.get_mut().values().for_each(|session| session.token.leave());
    }
}
