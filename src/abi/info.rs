//! The information structures: what the token says of itself, and what is always the same.

use crate::ck::{
    CK_EFFECTIVELY_INFINITE, CK_INFO, CK_MECHANISM_INFO, CK_SESSION_INFO, CK_SLOT_INFO, CK_TOKEN_INFO, CK_VERSION,
    UNAVAILABLE,
};
use crate::log::calendar;
use crate::wire::values::{MechanismInfo, SessionInfo, SlotInfo, TokenInfo};
use std::time::{SystemTime, UNIX_EPOCH};

/// C_GetInfo
pub(super) fn library() -> CK_INFO {
    CK_INFO {
        cryptokiVersion: CK_VERSION { major: 3, minor: 2 },
        manufacturerID: padded(NAME),
        flags: 0,
        libraryDescription: padded("Strongroom PKCS#11 module"),
        libraryVersion: VERSION,
    }
}

/// C_GetSlotInfo
pub(super) fn slot(info: SlotInfo) -> CK_SLOT_INFO {
    let SlotInfo { description, flags } = info;
    CK_SLOT_INFO {
        slotDescription: padded(&description),
        manufacturerID: padded(NAME),
        flags,
        hardwareVersion: VERSION,
        firmwareVersion: VERSION,
    }
}

/// C_GetTokenInfo
pub(super) fn token(info: TokenInfo) -> CK_TOKEN_INFO {
    let TokenInfo { label, serial, flags, sessions, rw_sessions, min_pin, max_pin } = info;
    CK_TOKEN_INFO {
        label: padded(&label),
        manufacturerID: padded(NAME),
        model: padded(NAME),
        serialNumber: padded(&serial),
        flags,
        ulMaxSessionCount: CK_EFFECTIVELY_INFINITE,
        ulSessionCount: sessions,
        ulMaxRwSessionCount: CK_EFFECTIVELY_INFINITE,
        ulRwSessionCount: rw_sessions,
        ulMaxPinLen: max_pin,
        ulMinPinLen: min_pin,
        ulTotalPublicMemory: UNAVAILABLE,
        ulFreePublicMemory: UNAVAILABLE,
        ulTotalPrivateMemory: UNAVAILABLE,
        ulFreePrivateMemory: UNAVAILABLE,
        hardwareVersion: VERSION,
        firmwareVersion: VERSION,
        utcTime: padded(&utc_time(SystemTime::now())),
    }
}

/// C_GetMechanismInfo
pub(super) fn mechanism(info: MechanismInfo) -> CK_MECHANISM_INFO {
    let MechanismInfo { min_key, max_key, flags } = info;
    CK_MECHANISM_INFO { ulMinKeySize: min_key, ulMaxKeySize: max_key, flags }
}

/// C_GetSessionInfo
pub(super) fn session(info: SessionInfo) -> CK_SESSION_INFO {
    let SessionInfo { slot, state, flags } = info;
    CK_SESSION_INFO { slotID: slot, state, flags, ulDeviceError: 0 }
}

/// Text for a field of fixed length: cut between characters if it is too long, padded with blanks, no NUL.
fn padded<const N: usize>(text: &str) -> [u8; N] {
    let mut field = [b' '; N];
    let length = text.floor_char_boundary(N);
    field[..length].copy_from_slice(&text.as_bytes()[..length]);
    field
}

/// `YYYYMMDDhhmmss00`
fn utc_time(now: SystemTime) -> String {
    let [year, month, day, hour, minute, second] =
        calendar(now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs());
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}00")
}

/// The version of this module, from that of the package.
const VERSION: CK_VERSION =
    CK_VERSION { major: number(env!("CARGO_PKG_VERSION_MAJOR")), minor: number(env!("CARGO_PKG_VERSION_MINOR")) };

const NAME: &str = "Strongroom";

const fn number(text: &str) -> u8 {
    match u8::from_str_radix(text, 10) {
        Ok(number) => number,
        Err(_) => panic!("the version of the package does not fit a CK_VERSION"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn text_is_padded_or_cut_between_characters() {
        assert_eq!(&padded::<8>("token"), b"token   ");
        assert_eq!(&padded::<4>("token"), b"toke");
        assert_eq!(&padded::<4>("abcä"), b"abc ");
    }

    #[test]
    fn the_time_has_sixteen_digits() {
        assert_eq!(utc_time(UNIX_EPOCH + Duration::from_secs(1_709_251_201)), "2024030100000100");
    }

    #[test]
    fn sessions_are_unlimited_and_memory_is_not_told() {
        let info = token(TokenInfo {
            label: "a".into(),
            serial: "0123456789abcdef".into(),
            flags: 1,
            sessions: 2,
            rw_sessions: 1,
            min_pin: 4,
            max_pin: 255,
        });
        assert_eq!((info.ulMaxSessionCount, info.ulSessionCount, info.ulRwSessionCount), (0, 2, 1));
        assert_eq!((info.ulMinPinLen, info.ulMaxPinLen, info.ulFreePublicMemory), (4, 255, u64::MAX));
        assert_eq!(&info.serialNumber, b"0123456789abcdef");
    }
}
