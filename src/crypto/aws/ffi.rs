//! AWS-LC's C functions behind safe types: the one file of the cryptography with `unsafe` in it.
//!
//! aws-lc-rs has no raw RSA, no RSA key generation with a chosen exponent, and no ECDSA over digests of any length;
//! these come straight from libcrypto here. Nothing in here knows what the numbers mean. Every function says no with
//! `None`; whoever calls it knows which code that is.
#![allow(unsafe_code)]

use crate::secret::Secret;
use aws_lc_sys as c;
use std::ptr::{NonNull, null, null_mut};

/// A C object with one owner, freed (and wiped, where it may be secret) when it goes.
struct Owned<T: Free>(NonNull<T>);

trait Free {
    /// # Safety
    /// `object` came from libcrypto, and nobody uses it afterwards.
    unsafe fn free(object: *mut Self);
}

macro_rules! freed_by {
    ($($object:ident: $function:ident;)*) => {$(
        impl Free for c::$object {
            unsafe fn free(object: *mut c::$object) {
                // SAFETY: the caller's promise.
                unsafe { c::$function(object) }
            }
        }
    )*};
}
freed_by! {
    BIGNUM: BN_clear_free;
    BN_CTX: BN_CTX_free;
    RSA: RSA_free;
    EC_KEY: EC_KEY_free;
    EC_GROUP: EC_GROUP_free;
    EC_POINT: EC_POINT_free;
    ECDSA_SIG: ECDSA_SIG_free;
}

impl<T: Free> Owned<T> {
    /// Takes over what libcrypto made; `None` where it made nothing.
    fn take(object: *mut T) -> Option<Owned<T>> {
        if object.is_null() {
            forget_errors();
        }
        NonNull::new(object).map(Owned)
    }

    fn get(&self) -> *mut T {
        self.0.as_ptr()
    }

    /// Gives the object away.
    fn release(self) -> *mut T {
        let object = self.get();
        std::mem::forget(self);
        object
    }
}

impl<T: Free> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: we are its only owner, and this is the end of it.
        unsafe { T::free(self.get()) }
    }
}

/// `Some` where libcrypto says 1. Its queue of errors is emptied otherwise: it belongs to the thread and would grow.
fn done(returned: i32) -> Option<()> {
    if returned == 1 {
        return Some(());
    }
    forget_errors();
    None
}

fn forget_errors() {
    // SAFETY: touches nothing but this thread's queue.
    unsafe { c::ERR_clear_error() }
}

fn context() -> Option<Owned<c::BN_CTX>> {
    // SAFETY: takes nothing.
    Owned::take(unsafe { c::BN_CTX_new() })
}

/// A natural number.
pub(crate) struct Number(Owned<c::BIGNUM>);

impl Number {
    fn empty() -> Option<Number> {
        // SAFETY: takes nothing.
        Owned::take(unsafe { c::BN_new() }).map(Number)
    }

    /// The number that big-endian bytes mean.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Number> {
        // SAFETY: reads `len` bytes of a slice that has them; a null result argument asks for a new number.
        Owned::take(unsafe { c::BN_bin2bn(bytes.as_ptr(), bytes.len(), null_mut()) }).map(Number)
    }

    /// Big-endian, no leading zeros.
    pub(crate) fn to_bytes(&self) -> Option<Secret> {
        // SAFETY: the number is alive.
        number_bytes(self.get(), unsafe { c::BN_num_bytes(self.get()) } as usize)
    }

    fn get(&self) -> *mut c::BIGNUM {
        self.0.get()
    }

    /// The result of a function of two numbers that needs scratch space.
    fn binary(
        &self,
        other: &Number,
        function: unsafe extern "C" fn(
            *mut c::BIGNUM,
            *const c::BIGNUM,
            *const c::BIGNUM,
            *mut c::BN_CTX,
        ) -> std::ffi::c_int,
    ) -> Option<Number> {
        let (result, scratch) = (Number::empty()?, context()?);
        // SAFETY: all four objects are alive, and `function` is one of libcrypto that wants just these.
        done(unsafe { function(result.get(), self.get(), other.get(), scratch.get()) })?;
        Some(result)
    }

    /// `self + other`
    pub(crate) fn add(&self, other: &Number) -> Option<Number> {
        let result = Number::empty()?;
        // SAFETY: all three are alive.
        done(unsafe { c::BN_add(result.get(), self.get(), other.get()) })?;
        Some(result)
    }

    /// `self - other`, where that is a natural number.
    pub(crate) fn sub(&self, other: &Number) -> Option<Number> {
        let result = Number::empty()?;
        if self.less_than(other) {
            return None;
        }
        // SAFETY: all three are alive.
        done(unsafe { c::BN_sub(result.get(), self.get(), other.get()) })?;
        Some(result)
    }

    /// `self · other`
    pub(crate) fn mul(&self, other: &Number) -> Option<Number> {
        self.binary(other, c::BN_mul)
    }

    /// The greatest common divisor.
    pub(crate) fn gcd(&self, other: &Number) -> Option<Number> {
        self.binary(other, c::BN_gcd)
    }

    /// Quotient and remainder; `None` where `divisor` is zero.
    pub(crate) fn div_rem(&self, divisor: &Number) -> Option<(Number, Number)> {
        let (quotient, rest, scratch) = (Number::empty()?, Number::empty()?, context()?);
        // SAFETY: all are alive.
        done(unsafe { c::BN_div(quotient.get(), rest.get(), self.get(), divisor.get(), scratch.get()) })?;
        Some((quotient, rest))
    }

    /// The square root, where it is a natural number.
    pub(crate) fn square_root(&self) -> Option<Number> {
        let (result, scratch) = (Number::empty()?, context()?);
        // SAFETY: all are alive.
        done(unsafe { c::BN_sqrt(result.get(), self.get(), scratch.get()) })?;
        Some(result)
    }

    /// The inverse modulo `modulus`, where there is one.
    pub(crate) fn inverse(&self, modulus: &Number) -> Option<Number> {
        let (result, scratch) = (Number::empty()?, context()?);
        // SAFETY: all are alive; the function returns its first argument or null, so nothing new is owned.
        let returned = unsafe { c::BN_mod_inverse(result.get(), self.get(), modulus.get(), scratch.get()) };
        done((!returned.is_null()).into())?;
        Some(result)
    }

    /// Whether it is smaller than `other`.
    pub(crate) fn less_than(&self, other: &Number) -> bool {
        // SAFETY: both are alive.
        unsafe { c::BN_cmp(self.get(), other.get()) < 0 }
    }
}

/// A number of someone's, as `length` bytes.
fn number_bytes(number: *const c::BIGNUM, length: usize) -> Option<Secret> {
    let mut bytes = Secret::zeroed(length);
    if number.is_null() {
        return None;
    }
    // SAFETY: writes `length` bytes to a buffer of that length, from a number that the caller holds alive.
    done(unsafe { c::BN_bn2bin_padded(bytes.as_mut_ptr(), length, number) })?;
    Some(bytes)
}

/// An RSA key, public or private.
pub(crate) struct Rsa(Owned<c::RSA>);

// SAFETY: an `RSA` that is not changed any more may be used by many threads at once (openssl/rsa.h); it has a lock
// of its own for what it computes late. Nothing here changes one after it is made.
unsafe impl Send for Rsa {}
// SAFETY: as above.
unsafe impl Sync for Rsa {}

impl Rsa {
    /// The public key of a modulus and an exponent.
    pub(crate) fn public(n: &Number, e: &Number) -> Option<Rsa> {
        // SAFETY: both numbers are alive and are copied.
        Owned::take(unsafe { c::RSA_new_public_key_large_e(n.get(), e.get()) }).map(Rsa)
    }

    /// The private key of `[n, e, d, p, q, dp, dq, qinv]`, which libcrypto checks against each other.
    pub(crate) fn private([n, e, d, p, q, dp, dq, qinv]: &[Number; 8]) -> Option<Rsa> {
        // SAFETY: all numbers are alive and are copied.
        let key = unsafe {
            c::RSA_new_private_key_large_e(n.get(), e.get(), d.get(), p.get(), q.get(), dp.get(), dq.get(), qinv.get())
        };
        Owned::take(key).map(Rsa)
    }

    /// A new key of `bits` (a multiple of 128).
    pub(crate) fn generate(bits: u16, e: &Number) -> Option<Rsa> {
        // SAFETY: takes nothing.
        let key = Rsa(Owned::take(unsafe { c::RSA_new() })?);
        // SAFETY: the key is ours alone, the exponent alive; no callback is given.
        done(unsafe { c::RSA_generate_key_ex(key.0.get(), bits.into(), e.get(), null_mut()) })?;
        Some(key)
    }

    /// `[n, e, d, p, q, dp, dq, qinv]` of a private key, big-endian without leading zeros.
    pub(crate) fn components(&self) -> Option<[Secret; 8]> {
        let mut numbers = [null::<c::BIGNUM>(); 8];
        let [n, e, d, p, q, dp, dq, qinv] = &mut numbers;
        // SAFETY: stores pointers to numbers that the key owns; the key outlives their use below.
        unsafe {
            c::RSA_get0_key(self.0.get(), n, e, d);
            c::RSA_get0_factors(self.0.get(), p, q);
            c::RSA_get0_crt_params(self.0.get(), dp, dq, qinv);
        }
        if numbers.iter().any(|number| number.is_null()) {
            return None;
        }
        let mut bytes: [Secret; 8] = Default::default();
        for (bytes, number) in bytes.iter_mut().zip(numbers) {
            // SAFETY: not null, and owned by the key.
            *bytes = number_bytes(number, unsafe { c::BN_num_bytes(number) } as usize)?;
        }
        Some(bytes)
    }

    /// The length of the modulus in bytes.
    fn size(&self) -> usize {
        // SAFETY: the key is alive.
        unsafe { c::RSA_size(self.0.get()) as usize }
    }

    /// `input^e mod n`. `input` has the length of the modulus and is smaller.
    pub(crate) fn apply_public(&self, input: &[u8]) -> Option<Vec<u8>> {
        let (mut output, mut length) = (vec![0; self.size()], 0);
        // SAFETY: reads `input.len()` bytes, writes at most `output.len()`.
        let returned = unsafe {
            c::RSA_encrypt(
                self.0.get(),
                &mut length,
                output.as_mut_ptr(),
                output.len(),
                input.as_ptr(),
                input.len(),
                c::RSA_NO_PADDING,
            )
        };
        done(returned)?;
        Some(output)
    }

    /// `input^d mod n`, blinded, in constant time, checked against faults. `input` has the length of the modulus, is
    /// smaller, and is none of 0, 1, n-1.
    pub(crate) fn apply_private(&self, input: &[u8]) -> Option<Secret> {
        let (mut output, mut length) = (Secret::zeroed(self.size()), 0);
        // SAFETY: reads `input.len()` bytes, writes at most `output.len()`.
        let returned = unsafe {
            c::RSA_decrypt(
                self.0.get(),
                &mut length,
                output.as_mut_ptr(),
                output.len(),
                input.as_ptr(),
                input.len(),
                c::RSA_NO_PADDING,
            )
        };
        done(returned)?;
        Some(output)
    }
}

/// A named curve, by libcrypto's number for it.
#[derive(Clone, Copy)]
pub(crate) struct Nid(i32);

/// NIST P-256
pub(crate) const P256: Nid = Nid(c::NID_X9_62_prime256v1);
/// NIST P-384
pub(crate) const P384: Nid = Nid(c::NID_secp384r1);
/// NIST P-521
pub(crate) const P521: Nid = Nid(c::NID_secp521r1);

/// A key on a curve over a prime field, public or private.
pub(crate) struct EcKey(Owned<c::EC_KEY>);

// SAFETY: an `EC_KEY` that is not changed any more may be used by many threads at once (openssl/ec_key.h); signing
// and verifying take it as const. Nothing here changes one after it is made.
unsafe impl Send for EcKey {}
// SAFETY: as above.
unsafe impl Sync for EcKey {}

impl EcKey {
    fn on(curve: Nid) -> Option<EcKey> {
        // SAFETY: takes a number only.
        Owned::take(unsafe { c::EC_KEY_new_by_curve_name(curve.0) }).map(EcKey)
    }

    /// The public key at an encoded point. `None` where the point is not on the curve.
    pub(crate) fn public(curve: Nid, point: &[u8]) -> Option<EcKey> {
        let key = EcKey::on(curve)?;
        // SAFETY: takes a number only.
        let group = Owned::take(unsafe { c::EC_GROUP_new_by_curve_name(curve.0) })?;
        // SAFETY: the group is alive, and outlives the point.
        let place = Owned::take(unsafe { c::EC_POINT_new(group.get()) })?;
        // SAFETY: reads `point.len()` bytes; a null context asks for one of its own.
        done(unsafe { c::EC_POINT_oct2point(group.get(), place.get(), point.as_ptr(), point.len(), null_mut()) })?;
        // SAFETY: the key is ours alone, and copies the point.
        done(unsafe { c::EC_KEY_set_public_key(key.0.get(), place.get()) })?;
        Some(key)
    }

    /// The private key with this scalar. `None` where it is zero or not below the order.
    pub(crate) fn private(curve: Nid, scalar: &[u8]) -> Option<EcKey> {
        let (key, number) = (EcKey::on(curve)?, Number::from_bytes(scalar)?);
        // SAFETY: the key is ours alone, and copies the number.
        done(unsafe { c::EC_KEY_set_private_key(key.0.get(), number.get()) })?;
        Some(key)
    }

    /// r and s of a signature over a digest of any length, each in `width` bytes.
    pub(crate) fn sign(&self, digest: &[u8], width: usize) -> Option<Vec<u8>> {
        // SAFETY: reads `digest.len()` bytes; the key is alive.
        let signature = Owned::take(unsafe { c::ECDSA_do_sign(digest.as_ptr(), digest.len(), self.0.get()) })?;
        let (mut r, mut s) = (null::<c::BIGNUM>(), null::<c::BIGNUM>());
        // SAFETY: stores pointers to numbers of the signature, which outlives their use below.
        unsafe { c::ECDSA_SIG_get0(signature.get(), &mut r, &mut s) };
        let (r, s) = (number_bytes(r, width)?, number_bytes(s, width)?);
        Some([&*r, &*s].concat())
    }

    /// Whether (r, s) is a signature over a digest of any length.
    pub(crate) fn verify(&self, digest: &[u8], r: &[u8], s: &[u8]) -> Option<()> {
        let (r, s) = (Number::from_bytes(r)?, Number::from_bytes(s)?);
        // SAFETY: takes nothing.
        let signature = Owned::take(unsafe { c::ECDSA_SIG_new() })?;
        // SAFETY: the signature takes the two numbers over, which it does only with non-null ones: these are.
        done(unsafe { c::ECDSA_SIG_set0(signature.get(), r.0.release(), s.0.release()) })?;
        // SAFETY: reads `digest.len()` bytes; key and signature are alive.
        done(unsafe { c::ECDSA_do_verify(digest.as_ptr(), digest.len(), signature.get(), self.0.get()) })
    }
}
