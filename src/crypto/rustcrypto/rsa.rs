//! Raw RSA by the crate rsa, and the numbers of its keys.

use crate::crypto::rsa::Components;
use crate::crypto::rsa_numbers::{Known, complete};
use crate::secret::Secret;
use p256::elliptic_curve::bigint::{ConcatenatingMul, Gcd, Resize};
use rsa::hazmat::{rsa_decrypt_and_check, rsa_encrypt};
use rsa::rand_core::{TryCryptoRng, TryRng};
use rsa::traits::{PrivateKeyParts, PublicKeyParts};
use rsa::{BoxedUint, RsaPrivateKey, RsaPublicKey};
use std::cmp::Ordering;
use std::convert::Infallible;
use zeroize::Zeroize;

/// The public half of a key.
pub(crate) struct RawPublic(RsaPublicKey);

impl RawPublic {
    /// The key of a modulus and an exponent that have been checked.
    pub(crate) fn new(n: &[u8], e: &[u8]) -> Option<RawPublic> {
        Some(RawPublic(RsaPublicKey::new_unchecked(integer(n), integer(e))))
    }

    /// `input^e mod n`. `input` has the length of the modulus and is smaller.
    pub(crate) fn apply(&self, input: &[u8]) -> Option<Vec<u8>> {
        let input = BoxedUint::from_be_slice(input, self.0.n_bits_precision()).ok()?;
        Some(sized(&rsa_encrypt(&self.0, &input).ok()?, self.0.size()).to_vec())
    }
}

/// The private half of a key.
pub(crate) struct RawPrivate(RsaPrivateKey);

impl RawPrivate {
    /// The key of its components. `None` where they contradict each other.
    pub(crate) fn new(components: &Components) -> Option<RawPrivate> {
        let Components { n, e, d, p, q, .. } = components; // the crate computes the others, and takes none
        let primes = vec![integer(p), integer(q)];
        RsaPrivateKey::from_components_with_large_exponent(integer(n), integer(e), integer(d), primes)
            .ok()
            .map(RawPrivate)
    }

    /// `input^d mod n`, blinded. `input` has the length of the modulus, is smaller, and is none of 0, 1, n-1.
    pub(crate) fn apply(&self, input: &[u8]) -> Option<Secret> {
        let input = BoxedUint::from_be_slice(input, self.0.n_bits_precision()).ok()?;
        let mut output = rsa_decrypt_and_check(&self.0, Some(&mut Kernel), &input).ok()?;
        let bytes = sized(&output, self.0.size());
        output.zeroize();
        Some(bytes)
    }
}

/// A new key of `bits` (a multiple of 128) with an exponent of at most 32 bits.
pub(crate) fn generate(bits: u16, e: u32) -> Option<Components> {
    let key = RsaPrivateKey::new_with_exp(&mut Kernel, bits.into(), BoxedUint::from(e)).ok()?;
    let [p, q] = key.primes() else { return None };
    let (p, q) = (trimmed(p), trimmed(q));
    complete(&Known { e: Some(&e.to_be_bytes()), p: Some(&p), q: Some(&q), ..Known::default() }).ok()
}

fn integer(bytes: &[u8]) -> BoxedUint {
    BoxedUint::from_be_slice_vartime(bytes)
}

/// Big-endian without leading zeros.
fn trimmed(integer: &BoxedUint) -> Secret {
    let whole = Secret::from(integer.to_be_bytes().into_vec());
    Secret::from(crate::crypto::rsa::stripped(&whole))
}

/// Big-endian in `size` bytes, of an integer that fits.
fn sized(integer: &BoxedUint, size: usize) -> Secret {
    let whole = Secret::from(integer.to_be_bytes().into_vec());
    Secret::from(&whole[whole.len() - size..])
}

/// The kernel's random bytes.
struct Kernel;

impl TryRng for Kernel {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes).map(|()| u32::from_ne_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes).map(|()| u64::from_ne_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        // The crate wants a generator that cannot fail. One that does must not go on with what it has.
        crate::crypto::random::fill(bytes).expect("the kernel gives random bytes");
        Ok(())
    }
}

impl TryCryptoRng for Kernel {}

/// A natural number.
pub(crate) struct Number(BoxedUint);

impl Number {
    /// The number that big-endian bytes mean.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Number> {
        Some(Number(integer(bytes)))
    }

    /// Big-endian, no leading zeros.
    pub(crate) fn to_bytes(&self) -> Option<Secret> {
        Some(trimmed(&self.0))
    }

    /// Both numbers in a precision that holds either.
    fn aligned(&self, other: &Number) -> (BoxedUint, BoxedUint) {
        let precision = self.0.bits_precision().max(other.0.bits_precision());
        (Resize::resize_unchecked(&self.0, precision), Resize::resize_unchecked(&other.0, precision))
    }

    /// `self + other`
    pub(crate) fn add(&self, other: &Number) -> Option<Number> {
        Some(Number(self.0.concatenating_add(&other.0)))
    }

    /// `self - other`, where that is a natural number.
    pub(crate) fn sub(&self, other: &Number) -> Option<Number> {
        if self.less_than(other) {
            return None;
        }
        let (a, b) = self.aligned(other);
        Some(Number(a.wrapping_sub(&b)))
    }

    /// `self · other`
    pub(crate) fn mul(&self, other: &Number) -> Option<Number> {
        Some(Number(self.0.concatenating_mul(&other.0)))
    }

    /// The greatest common divisor.
    pub(crate) fn gcd(&self, other: &Number) -> Option<Number> {
        let (a, b) = self.aligned(other);
        Some(Number(a.gcd(&b)))
    }

    /// Quotient and remainder; `None` where `divisor` is zero.
    pub(crate) fn div_rem(&self, divisor: &Number) -> Option<(Number, Number)> {
        let (a, b) = self.aligned(divisor);
        let (quotient, rest) = a.div_rem_vartime(b.as_nz_vartime()?);
        Some((Number(quotient), Number(rest)))
    }

    /// The square root, where it is a natural number.
    pub(crate) fn square_root(&self) -> Option<Number> {
        self.0.checked_sqrt_vartime().map(Number)
    }

    /// The inverse modulo `modulus`, where there is one.
    pub(crate) fn inverse(&self, modulus: &Number) -> Option<Number> {
        let (a, m) = self.aligned(modulus);
        a.invert_mod(m.as_nz_vartime()?).into_option().map(Number)
    }

    /// Whether it is smaller than `other`.
    pub(crate) fn less_than(&self, other: &Number) -> bool {
        self.0.cmp_vartime(&other.0) == Ordering::Less
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
