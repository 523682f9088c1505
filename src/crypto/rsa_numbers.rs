//! The numbers of an RSA key: which are acceptable, and how those that a caller left out follow from the others.
//!
//! A key is imported in many shapes: with all components, with the primes only, with the private exponent only. It is
//! completed once, when it comes in; this arithmetic is not in constant time.

use crate::crypto::provider::rsa::Number;
use crate::crypto::rsa::{Components, SIZES, bits, stripped};
use crate::error::{Code, Error, Result};
use crate::secret::Secret;

/// What a caller knows of a private key: big-endian integers, leading zeros allowed.
#[derive(Clone, Copy, Default)]
pub struct Known<'a> {
    /// The modulus.
    pub n: Option<&'a [u8]>,
    /// The public exponent.
    pub e: Option<&'a [u8]>,
    /// The private exponent.
    pub d: Option<&'a [u8]>,
    /// The first prime.
    pub p: Option<&'a [u8]>,
    /// The second prime.
    pub q: Option<&'a [u8]>,
    /// d mod p-1
    pub dp: Option<&'a [u8]>,
    /// d mod q-1
    pub dq: Option<&'a [u8]>,
    /// The inverse of q modulo p.
    pub qinv: Option<&'a [u8]>,
}

/// Checks that a modulus and an exponent (without leading zeros) can be a public key: odd, of an acceptable size,
/// 3 ≤ e < 2^256 (FIPS 186-5, section 5.4; and a bound on what a verification may cost).
///
/// # Errors
/// [`Code::KeySizeRange`], [`Code::AttributeValueInvalid`].
pub fn check_public(n: &[u8], e: &[u8]) -> Result<()> {
    if !(SIZES.0..=SIZES.1).contains(&bits(n)) {
        return Err(Code::KeySizeRange.because("an RSA modulus has 1024 to 8192 bits"));
    }
    let odd = |integer: &[u8]| integer.last().is_some_and(|last| last & 1 == 1);
    if !odd(n) {
        return Err(Code::AttributeValueInvalid.because("an RSA modulus is odd"));
    }
    if !odd(e) || bits(e) < 2 || bits(e) > 256 {
        return Err(Code::AttributeValueInvalid.because("an RSA public exponent is odd, at least 3, below 2^256"));
    }
    Ok(())
}

/// All components of the key of which these are known. Enough is: the primes with one exponent, or the modulus
/// with the private exponent (and the public one, unless it is one of the usual few).
///
/// # Errors
/// [`Code::TemplateIncomplete`] where not enough is known; [`Code::AttributeValueInvalid`] where what is known
/// contradicts itself; [`Code::KeySizeRange`].
pub fn complete(known: &Known<'_>) -> Result<Components> {
    for integer in [known.n, known.e, known.d, known.p, known.q, known.dp, known.dq, known.qinv].into_iter().flatten() {
        // Bounds what arithmetic may cost before anything is known to fit together.
        if bits(stripped(integer)) > SIZES.1 {
            return Err(Code::KeySizeRange.because("an integer of the RSA key is longer than any modulus"));
        }
    }
    let (e, (p, q)) = match (known.p, known.q) {
        (Some(p), Some(q)) => (known.e.map(number).transpose()?, (number(p)?, number(q)?)),
        _ => factored(known)?,
    };
    let d = known.d.map(number).transpose()?;
    let components = from_primes(e, d, &p, &q).ok_or_else(contradiction)??;
    agrees(known, &components)?;
    check_public(&components.n, &components.e)?;
    Ok(components)
}

type Primes = (Number, Number);

/// The primes, and the public exponent, from modulus and private exponent.
fn factored(known: &Known<'_>) -> Result<(Option<Number>, Primes)> {
    let (Some(n), Some(d)) = (known.n, known.d) else {
        return Err(Code::TemplateIncomplete.because("an RSA private key needs its modulus and private exponent"));
    };
    let (n, d) = (number(n)?, number(d)?);
    if let Some(e) = known.e {
        let e = number(e)?;
        let primes = factors(&n, &e, &d).ok_or_else(contradiction)?;
        return Ok((Some(e), primes));
    }
    const USUAL: [u32; 5] = [65537, 3, 17, 5, 257];
    for usual in USUAL {
        let e = number(&usual.to_be_bytes())?;
        if let Some(primes) = factors(&n, &e, &d) {
            return Ok((Some(e), primes));
        }
    }
    Err(Code::TemplateIncomplete.because("CKA_PUBLIC_EXPONENT is needed: it is none of the usual ones"))
}

/// The two primes of n, by SP 800-56B revision 2, appendix C.2. The multiple of φ(n) that it starts from is
/// (de-1)·gcd(n-1, de-1), whether d was made modulo φ(n) or λ(n).
fn factors(n: &Number, e: &Number, d: &Number) -> Option<Primes> {
    let one = Number::from_bytes(&[1])?;
    let (two, four) = (Number::from_bytes(&[2])?, Number::from_bytes(&[4])?);
    let k = d.mul(e)?.sub(&one)?;
    let a = k.mul(&n.sub(&one)?.gcd(&k)?)?;
    let (m, r) = a.div_rem(n)?;
    let (quotient, rest) = n.sub(&r)?.div_rem(&m.add(&one)?)?;
    if !rest.less_than(&one) {
        return None;
    }
    let b = quotient.add(&one)?; // p + q
    let root = b.mul(&b)?.sub(&four.mul(n)?)?.square_root()?; // p - q
    let (p, _) = b.add(&root)?.div_rem(&two)?;
    let (q, _) = b.sub(&root)?.div_rem(&two)?;
    equal(&p.mul(&q)?, n).then_some((p, q))
}

/// All components from the primes and one exponent or both. `None` where they contradict each other.
fn from_primes(e: Option<Number>, d: Option<Number>, p: &Number, q: &Number) -> Option<Result<Components>> {
    let one = Number::from_bytes(&[1])?;
    let (p1, q1) = (p.sub(&one)?, q.sub(&one)?);
    let (lambda, _) = p1.mul(&q1)?.div_rem(&p1.gcd(&q1)?)?;
    let (e, d) = match (e, d) {
        (Some(e), Some(d)) => (e, d),
        (Some(e), None) => {
            let d = e.inverse(&lambda)?;
            (e, d)
        }
        (None, Some(d)) => (d.div_rem(&lambda)?.1.inverse(&lambda)?, d),
        (None, None) => return Some(Err(Code::TemplateIncomplete.because("an RSA private key needs an exponent"))),
    };
    if !equal(&d.mul(&e)?.div_rem(&lambda)?.1, &one) {
        return None;
    }
    let (_, dp) = d.div_rem(&p1)?;
    let (_, dq) = d.div_rem(&q1)?;
    let qinv = q.div_rem(p)?.1.inverse(p)?;
    Some(Ok(Components {
        n: p.mul(q)?.to_bytes()?.to_vec(),
        e: e.to_bytes()?.to_vec(),
        d: d.to_bytes()?,
        p: p.to_bytes()?,
        q: q.to_bytes()?,
        dp: dp.to_bytes()?,
        dq: dq.to_bytes()?,
        qinv: qinv.to_bytes()?,
    }))
}

/// Whether everything that was known is what came out.
fn agrees(known: &Known<'_>, made: &Components) -> Result<()> {
    let pairs: [(Option<&[u8]>, &[u8]); 8] = [
        (known.n, &made.n),
        (known.e, &made.e),
        (known.d, &made.d),
        (known.p, &made.p),
        (known.q, &made.q),
        (known.dp, &made.dp),
        (known.dq, &made.dq),
        (known.qinv, &made.qinv),
    ];
    let same = |(known, made): &(Option<&[u8]>, &[u8])| {
        known.is_none_or(|known| Secret::from(stripped(known)) == Secret::from(*made))
    };
    if pairs.iter().all(same) { Ok(()) } else { Err(contradiction()) }
}

fn equal(a: &Number, b: &Number) -> bool {
    !a.less_than(b) && !b.less_than(a)
}

fn number(bytes: &[u8]) -> Result<Number> {
    Number::from_bytes(bytes).ok_or_else(|| Code::HostMemory.into())
}

fn contradiction() -> Error {
    Code::AttributeValueInvalid.because("the numbers of the RSA key contradict each other")
}
