//! Who may use the vault: its owner, root (who could become the owner anyway), and the group that the configuration names.

use crate::config::Home;
use crate::error::{Code, Result};
use std::os::fd::AsFd;

/// Who may call.
pub(crate) struct Callers {
    owner: u32,
    group: Option<u32>,
}

impl Callers {
    pub(crate) fn of(home: &Home) -> Result<Callers> {
        let group = match &home.config.share {
            None => None,
            Some(share) => Some(crate::os::group_number(&share.group).map_err(|error| {
                Code::GeneralError
                    .because(format!("there is no group {} to share the vault with: {error}", share.group))
            })?),
        };
        Ok(Callers { owner: rustix::process::geteuid().as_raw(), group })
    }

    /// The group that the vault is shared with.
    pub(crate) fn group(&self) -> Option<u32> {
        self.group
    }

    /// The user at the other end of a connection, where this one may call.
    pub(crate) fn admit(&self, socket: impl AsFd) -> Result<u32> {
        let peer = crate::os::peer(socket.as_fd())
            .map_err(|error| Code::DeviceError.because(format!("the vault cannot tell who is calling: {error}")))?;
        let (user, group) = (peer.user, peer.group);
        let member = |ours: u32| {
            group == ours || crate::os::peer_groups(socket.as_fd()).is_ok_and(|groups| groups.contains(&ours))
        };
        if user == self.owner || user == 0 || self.group.is_some_and(member) {
            return Ok(user);
        }
        Err(Code::DeviceError.because(format!(
            "this vault serves user {} only; user {user} may not use it (share = {{ group = \"…\" }} in the \
             configuration would let a group in)",
            self.owner
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    #[test]
    fn the_owner_and_the_group_are_let_in_and_nobody_else() {
        let (one, _other) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        assert_eq!(Callers { owner: user, group: None }.admit(&one).unwrap(), user);
        assert_eq!(Callers { owner: user + 1, group: Some(group) }.admit(&one).unwrap(), user);
        let strangers = Callers { owner: user + 1, group: Some(group + 12345) }.admit(&one);
        assert_eq!(strangers.is_ok(), user == 0);
    }

    #[test]
    fn a_group_that_does_not_exist_is_named() {
        let share = Some(crate::config::Share { group: "no-such-group".into() });
        let config = crate::config::Config { share, ..Default::default() };
        let error = Callers::of(&Home { directory: "/".into(), config }).err().unwrap();
        assert!(error.why().contains("no-such-group"), "{error}");
    }
}
