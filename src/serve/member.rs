//! The applications that are at the vault. Each is there as long as it has a connection, and is forgotten with the last.

use crate::call::{Application, Host};
use crate::error::{Code, Result};
use crate::wire::hello::{Purpose, Ticket, UNKNOWN};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// All applications.
pub(crate) struct Members {
    host: Arc<dyn Host>,
    by_ticket: Mutex<HashMap<Ticket, Weak<Member>>>,
}

/// One application, as its connections hold it.
pub(crate) struct Member {
    pub(crate) ticket: Ticket,
    pub(crate) application: Arc<dyn Application>,
    user: u32,
    members: Arc<Members>,
}

impl Members {
    pub(crate) fn new(host: Arc<dyn Host>) -> Arc<Members> {
        Arc::new(Members { host, by_ticket: Mutex::default() })
    }

    /// The application that a connection of `user` is for: a new one, one that is here, or the copy of one that is here.
    pub(crate) fn admit(
        self: &Arc<Members>,
        purpose: Purpose,
        after: u64,
        last: u64,
        user: u32,
    ) -> Result<Arc<Member>> {
        match purpose {
            Purpose::Enter => self.add(self.host.enter(after), user),
            Purpose::Join(ticket) => self.find(&ticket, user),
            Purpose::Fork(ticket) => self.add(self.find(&ticket, user)?.application.fork(after, last), user),
        }
    }

    fn find(&self, ticket: &Ticket, user: u32) -> Result<Arc<Member>> {
        let found = self.lock().get(ticket).and_then(Weak::upgrade);
        found
            .filter(|member| member.user == user)
            .ok_or_else(|| UNKNOWN.because("the vault does not know this application"))
    }

    fn add(self: &Arc<Members>, application: Arc<dyn Application>, user: u32) -> Result<Arc<Member>> {
        let mut ticket = Ticket::default();
        getrandom::fill(&mut ticket)
            .map_err(|error| Code::RandomNoRng.because(format!("the system gives no random bytes: {error}")))?;
        let member = Arc::new(Member { ticket, application, user, members: self.clone() });
        self.lock().insert(ticket, Arc::downgrade(&member));
        Ok(member)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Ticket, Weak<Member>>> {
        self.by_ticket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.members.lock().remove(&self.ticket);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::testing::FakeHost;

    #[test]
    fn an_application_is_there_as_long_as_a_connection_holds_it() {
        let host = Arc::new(FakeHost::default());
        let members = Members::new(host.clone());
        let first = members.admit(Purpose::Enter, 0, 0, 1000).unwrap();
        let join = Purpose::Join(first.ticket);
        let second = members.admit(join, 0, 0, 1000).unwrap();
        assert_eq!(host.living(), 1);
        drop(first);
        assert!(members.admit(join, 0, 0, 1000).is_ok());
        drop(second);
        assert_eq!(members.admit(join, 0, 0, 1000).err().unwrap().code(), UNKNOWN);
        assert_eq!((host.living(), members.lock().len()), (0, 0));
    }

    #[test]
    fn a_ticket_serves_its_own_user_only() {
        let members = Members::new(Arc::new(FakeHost::default()));
        let member = members.admit(Purpose::Enter, 0, 0, 1000).unwrap();
        assert!(members.admit(Purpose::Join(member.ticket), 0, 0, 1001).is_err());
        assert!(members.admit(Purpose::Fork(member.ticket), 0, 0, 0).is_err());
        assert!(members.admit(Purpose::Join([0; 32]), 0, 0, 1000).is_err());
    }

    #[test]
    fn a_forked_application_has_a_ticket_of_its_own() {
        let host = Arc::new(FakeHost::default());
        let members = Members::new(host.clone());
        let parent = members.admit(Purpose::Enter, 0, 0, 1000).unwrap();
        parent.application.open_session(0, 0).unwrap();
        let child = members.admit(Purpose::Fork(parent.ticket), 10, 0, 1000).unwrap();
        assert_ne!(child.ticket, parent.ticket);
        drop(parent);
        assert_eq!((host.living(), child.application.standing().sessions), (1, 1));
        assert_eq!(child.application.open_session(0, 0).unwrap(), 11);
    }
}
