//! Raw RSA and the numbers of its keys, by libcrypto.

use super::ffi::Rsa;
use crate::crypto::rsa::Components;
use crate::secret::Secret;

pub(crate) use super::ffi::Number;

/// The public half of a key.
pub(crate) struct RawPublic(Rsa);

impl RawPublic {
    /// The key of a modulus and an exponent that have been checked.
    pub(crate) fn new(n: &[u8], e: &[u8]) -> Option<RawPublic> {
        Rsa::public(&Number::from_bytes(n)?, &Number::from_bytes(e)?).map(RawPublic)
    }

    /// `input^e mod n`. `input` has the length of the modulus and is smaller.
    pub(crate) fn apply(&self, input: &[u8]) -> Option<Vec<u8>> {
        self.0.apply_public(input)
    }
}

/// The private half of a key.
pub(crate) struct RawPrivate(Rsa);

impl RawPrivate {
    /// The key of its components. `None` where they contradict each other.
    pub(crate) fn new(components: &Components) -> Option<RawPrivate> {
        let Components { n, e, d, p, q, dp, dq, qinv } = components;
        let number = |bytes: &[u8]| Number::from_bytes(bytes);
        let numbers =
            [number(n)?, number(e)?, number(d)?, number(p)?, number(q)?, number(dp)?, number(dq)?, number(qinv)?];
        Rsa::private(&numbers).map(RawPrivate)
    }

    /// `input^d mod n`, blinded. `input` has the length of the modulus, is smaller, and is none of 0, 1, n-1.
    pub(crate) fn apply(&self, input: &[u8]) -> Option<Secret> {
        self.0.apply_private(input)
    }
}

/// A new key of `bits` (a multiple of 128) with an exponent of at most 32 bits.
pub(crate) fn generate(bits: u16, e: u32) -> Option<Components> {
    let [n, e, d, p, q, dp, dq, qinv] = Rsa::generate(bits, &Number::from_bytes(&e.to_be_bytes())?)?.components()?;
    Some(Components { n: n.to_vec(), e: e.to_vec(), d, p, q, dp, dq, qinv })
}
