//! Every call that the token answers, a row each: the trait, the client and the server come from this table.
//!
//! A row is `number name(argument: type, …) -> type;`. From it the macro makes
//!
//! * the method of [`Calls`], which the engine implements and the C face uses;
//! * the client: [`Remote`] writes the number and the arguments into a frame, sends it, reads the answer;
//! * the server: [`answer`] reads a frame, calls the same method, writes the answer.
//!
//! So the C face cannot tell whether the engine is in its own process or in the vault. Numbers are
//! never reused: a module and a vault of one protocol version agree on them.
//!
//! A request is `[number: u8][arguments]`, an answer `[0][result]` or `[code: u64][why: string]` after a
//! status byte (0 done, 1 refused).

use crate::error::{Code, Result};
use crate::wire::answer::write_result;
pub use crate::wire::answer::{Standing, read_answer, write_refusal};
use crate::wire::codec::{Reader, Wire, Writer};
use crate::wire::values::*;

/// Carries one request to whoever answers, and the answer back.
pub trait Transport {
    /// Sends `request`, waits, and hands the answer to `read`.
    ///
    /// # Errors
    /// [`Code::DeviceError`] when the vault is gone and cannot be reached again.
    fn exchange<T>(&self, request: &Writer, read: impl FnOnce(&[u8]) -> Result<T>) -> Result<T>;
}

/// One application at the token: its sessions, its handles, its logins. Dropping the last reference forgets them.
pub trait Application: Calls + Send + Sync {
    /// The application that a forked child of this one is: its own copy of sessions, session objects, logins and
    /// operations under the same handles. New handles are larger than `after`. Operations that a request after the
    /// one with the number `last` has touched are the parent's alone: they are not in the copy.
    fn fork(&self, after: u64, last: u64) -> std::sync::Arc<dyn Application>;
    /// A request with this number has come: the numbers of an application rise as its requests are made.
    fn arrived(&self, _number: u64) {}
    /// Where the application stands. Asked after every call, so it must be cheap: two atomics.
    fn standing(&self) -> Standing;
}

/// Where applications come from: the engine.
pub trait Host: Send + Sync {
    /// A new application. Its handles are larger than `after`, so that none that an earlier vault gave is one of its own.
    fn enter(&self, after: u64) -> std::sync::Arc<dyn Application>;
}

/// The token at the other end of a [`Transport`].
pub struct Remote<T>(pub T);

macro_rules! calls {
    ($($(#[$doc:meta])* $number:literal $name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {
        /// What a token does, without pointers. Session and object handles are those of one application.
        pub trait Calls {
            $($(#[$doc])* fn $name(&self, $($argument: $type),*) -> Result<$result>;)*
        }

        impl<T: Transport> Calls for Remote<T> {
            $(fn $name(&self, $($argument: $type),*) -> Result<$result> {
                let mut request = Writer::default();
                Wire::put(&($number as u8), &mut request);
                $(Wire::put(&$argument, &mut request);)*
                self.0.exchange(&request, |answer| read_answer(answer))
            })*
        }

        /// Answers one request by calling `calls`; always writes an answer.
        pub fn answer(calls: &dyn Calls, request: &[u8], reply: &mut Writer) {
            let mut reader = Reader::new(request);
            let done = (|| match u8::take(&mut reader)? {
                $($number => {
                    $(let $argument = <$type as Wire>::take(&mut reader)?;)*
                    reader.end()?;
                    let result = calls.$name($($argument),*)?;
                    write_result(&result, reply);
                    Ok(())
                })*
                number => Err(Code::FunctionNotSupported.because(format!("the vault knows no call {number}: it is older than the module"))),
            })();
            if let Err(error) = done {
                write_refusal(&error, reply);
            }
        }

        /// The numbers and names of the calls.
        pub const NAMES: &[(u8, &str)] = &[$(($number, stringify!($name)),)*];
    };
}

calls! {
    // Slots and tokens
    /// Slot numbers: every slot with a token, and one free.
    1 slot_list() -> Vec<u64>;
    /// C_GetSlotInfo
    2 slot_info(slot: u64) -> SlotInfo;
    /// C_GetTokenInfo
    3 token_info(slot: u64) -> TokenInfo;
    /// C_GetMechanismList
    4 mechanism_list(slot: u64) -> Vec<u64>;
    /// C_GetMechanismInfo
    5 mechanism_info(slot: u64, mechanism: u64) -> MechanismInfo;
    /// C_InitToken; `label` without its padding
    6 init_token(slot: u64, pin: &[u8], label: &[u8]) -> ();
    /// C_InitPIN
    7 init_pin(session: u64, pin: &[u8]) -> ();
    /// C_SetPIN
    8 set_pin(session: u64, old: &[u8], new: &[u8]) -> ();
    /// Destroys the token in a slot with all its objects; the SO's PIN is due. Not in the standard.
    9 delete_token(slot: u64, pin: &[u8]) -> ();

    // Sessions
    /// C_OpenSession
    10 open_session(slot: u64, flags: u64) -> u64;
    /// C_CloseSession
    11 close_session(session: u64) -> ();
    /// C_CloseAllSessions
    12 close_all_sessions(slot: u64) -> ();
    /// C_GetSessionInfo
    13 session_info(session: u64) -> SessionInfo;
    /// C_Login (no name) and C_LoginUser
    14 login(session: u64, user: u64, name: Option<&[u8]>, pin: &[u8]) -> ();
    /// C_Logout
    15 logout(session: u64) -> ();
    /// C_SessionCancel; `flags` as in the standard
    16 session_cancel(session: u64, flags: u64) -> ();

    // Objects
    /// C_CreateObject
    20 create_object(session: u64, template: Template) -> u64;
    /// C_CopyObject
    21 copy_object(session: u64, object: u64, template: Template) -> u64;
    /// C_DestroyObject
    22 destroy_object(session: u64, object: u64) -> ();
    /// C_GetObjectSize
    23 object_size(session: u64, object: u64) -> u64;
    /// C_GetAttributeValue: one answer a kind, in order
    24 attributes(session: u64, object: u64, kinds: Vec<u64>) -> Vec<Shown>;
    /// C_SetAttributeValue
    25 set_attributes(session: u64, object: u64, template: Template) -> ();
    /// C_FindObjectsInit
    26 find_init(session: u64, template: Template) -> ();
    /// C_FindObjects
    27 find(session: u64, most: u64) -> Vec<u64>;
    /// C_FindObjectsFinal
    28 find_final(session: u64) -> ();

    // Operations: `mechanism` none cancels the active operation (3.0)
    /// C_EncryptInit
    30 encrypt_init(session: u64, mechanism: Option<MechanismCall>, key: u64) -> ();
    /// C_Encrypt
    31 encrypt(session: u64, data: &[u8], room: Room) -> Output;
    /// C_EncryptUpdate
    32 encrypt_update(session: u64, data: &[u8], room: Room) -> Output;
    /// C_EncryptFinal
    33 encrypt_final(session: u64, room: Room) -> Output;
    /// C_DecryptInit
    34 decrypt_init(session: u64, mechanism: Option<MechanismCall>, key: u64) -> ();
    /// C_Decrypt
    35 decrypt(session: u64, data: &[u8], room: Room) -> Output;
    /// C_DecryptUpdate
    36 decrypt_update(session: u64, data: &[u8], room: Room) -> Output;
    /// C_DecryptFinal
    37 decrypt_final(session: u64, room: Room) -> Output;
    /// C_DigestInit
    40 digest_init(session: u64, mechanism: Option<MechanismCall>) -> ();
    /// C_Digest
    41 digest(session: u64, data: &[u8], room: Room) -> Output;
    /// C_DigestUpdate
    42 digest_update(session: u64, data: &[u8]) -> ();
    /// C_DigestKey
    43 digest_key(session: u64, key: u64) -> ();
    /// C_DigestFinal
    44 digest_final(session: u64, room: Room) -> Output;
    /// C_SignInit
    50 sign_init(session: u64, mechanism: Option<MechanismCall>, key: u64) -> ();
    /// C_Sign
    51 sign(session: u64, data: &[u8], room: Room) -> Output;
    /// C_SignUpdate
    52 sign_update(session: u64, data: &[u8]) -> ();
    /// C_SignFinal
    53 sign_final(session: u64, room: Room) -> Output;
    /// C_VerifyInit
    54 verify_init(session: u64, mechanism: Option<MechanismCall>, key: u64) -> ();
    /// C_Verify
    55 verify(session: u64, data: &[u8], signature: &[u8]) -> ();
    /// C_VerifyUpdate
    56 verify_update(session: u64, data: &[u8]) -> ();
    /// C_VerifyFinal
    57 verify_final(session: u64, signature: &[u8]) -> ();

    // Keys
    /// C_GenerateKey
    60 generate_key(session: u64, mechanism: MechanismCall, template: Template) -> u64;
    /// C_GenerateKeyPair: the public key's handle, then the private one's
    61 generate_key_pair(session: u64, mechanism: MechanismCall, public: Template, private: Template) -> (u64, u64);
    /// C_WrapKey
    62 wrap_key(session: u64, mechanism: MechanismCall, wrapping: u64, key: u64, room: Room) -> Output;
    /// C_UnwrapKey
    63 unwrap_key(session: u64, mechanism: MechanismCall, unwrapping: u64, wrapped: &[u8], template: Template) -> u64;
    /// C_DeriveKey
    64 derive_key(session: u64, mechanism: MechanismCall, base: u64, template: Template) -> u64;

    // Random
    /// C_SeedRandom
    70 seed_random(session: u64, seed: &[u8]) -> ();
    /// C_GenerateRandom
    71 generate_random(session: u64, length: u64) -> Vec<u8>;

    // The vault itself
    /// How the vault and its store are.
    80 status() -> Status;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_unique_and_rising() {
        assert!(NAMES.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
