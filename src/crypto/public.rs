//! What follows from what a caller gave: curves from their parameters, public points from private values, points from
//! their encodings, whole RSA keys from parts. For attributes and for key formats; plain bytes in, plain bytes out.

use crate::crypto::ec::{self, Curve};
use crate::crypto::{ed25519, rsa, rsa_numbers, x25519};
use crate::error::{Code, Result};
use crate::secret::Secret;

pub use crate::crypto::rsa::Components as RsaComponents;
pub use crate::crypto::rsa_numbers::Known as RsaKnown;

/// A curve that `CKA_EC_PARAMS` can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedCurve {
    /// `CKK_EC`
    Prime(Curve),
    /// `CKK_EC_EDWARDS`: edwards25519
    Ed25519,
    /// `CKK_EC_MONTGOMERY`: curve25519
    X25519,
}

/// The names that `CKA_EC_PARAMS` may hold, DER; the first for a curve is the one of the standards.
///
/// The last two object identifiers are those of GnuPG; OpenSC before 0.24 knows the curves by these only.
const NAMES: &[(NamedCurve, &[u8])] = &[
    (NamedCurve::Prime(Curve::P256), b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"),
    (NamedCurve::Prime(Curve::P256), b"\x13\x09secp256r1"),
    (NamedCurve::Prime(Curve::P256), b"\x13\x0aprime256v1"),
    (NamedCurve::Prime(Curve::P256), b"\x13\x05P-256"),
    (NamedCurve::Prime(Curve::P384), b"\x06\x05\x2b\x81\x04\x00\x22"),
    (NamedCurve::Prime(Curve::P384), b"\x13\x09secp384r1"),
    (NamedCurve::Prime(Curve::P384), b"\x13\x05P-384"),
    (NamedCurve::Prime(Curve::P521), b"\x06\x05\x2b\x81\x04\x00\x23"),
    (NamedCurve::Prime(Curve::P521), b"\x13\x09secp521r1"),
    (NamedCurve::Prime(Curve::P521), b"\x13\x05P-521"),
    (NamedCurve::Ed25519, b"\x06\x03\x2b\x65\x70"),
    (NamedCurve::Ed25519, b"\x13\x0cedwards25519"),
    (NamedCurve::X25519, b"\x06\x03\x2b\x65\x6e"),
    (NamedCurve::X25519, b"\x13\x0acurve25519"),
    (NamedCurve::Ed25519, b"\x06\x09\x2b\x06\x01\x04\x01\xda\x47\x0f\x01"),
    (NamedCurve::X25519, b"\x06\x0a\x2b\x06\x01\x04\x01\x97\x55\x01\x05\x01"),
];

impl NamedCurve {
    /// The curve that `CKA_EC_PARAMS` names, by object identifier or by PrintableString.
    ///
    /// # Errors
    /// [`Code::CurveNotSupported`] for another name or explicit parameters, [`Code::DomainParamsInvalid`] for what is
    /// no parameters at all.
    pub fn from_params(params: &[u8]) -> Result<NamedCurve> {
        if let Some((curve, _)) = NAMES.iter().find(|(_, name)| *name == params) {
            return Ok(*curve);
        }
        match der_content(params) {
            Some((0x06 | 0x13, content)) if !content.is_empty() => {
                Err(Code::CurveNotSupported.because("CKA_EC_PARAMS names a curve that is not supported"))
            }
            Some((0x30, _)) => Err(Code::CurveNotSupported.because("curves by explicit parameters are not supported")),
            _ => Err(Code::DomainParamsInvalid.because("CKA_EC_PARAMS is no DER-encoded curve")),
        }
    }

    /// Its object identifier, DER.
    pub fn params(self) -> &'static [u8] {
        NAMES.iter().find(|(curve, _)| *curve == self).map_or(&[], |(_, name)| name)
    }

    /// `CKK_…`
    pub fn key_type(self) -> u64 {
        match self {
            NamedCurve::Prime(_) => crate::ck::CKK_EC,
            NamedCurve::Ed25519 => crate::ck::CKK_EC_EDWARDS,
            NamedCurve::X25519 => crate::ck::CKK_EC_MONTGOMERY,
        }
    }

    /// The length of a private value.
    pub fn private_length(self) -> usize {
        match self {
            NamedCurve::Prime(curve) => curve.width(),
            NamedCurve::Ed25519 | NamedCurve::X25519 => 32,
        }
    }

    /// The length of a plain public point.
    pub fn point_length(self) -> usize {
        match self {
            NamedCurve::Prime(curve) => curve.point_length(),
            NamedCurve::Ed25519 | NamedCurve::X25519 => 32,
        }
    }

    /// The plain point in one of its encodings: itself, or a DER OCTET STRING or BIT STRING around it. Which one it
    /// is follows from its length alone: a plain point may well begin like a DER header.
    ///
    /// # Errors
    /// [`Code::AttributeValueInvalid`] where it is none of them. Whether it is on the curve is not asked here.
    pub fn plain_point(self, encoded: &[u8]) -> Result<&[u8]> {
        let length = self.point_length();
        if encoded.len() == length {
            return Ok(encoded);
        }
        match der_content(encoded) {
            Some((0x04, point)) if point.len() == length => Ok(point),
            Some((0x03, [0, point @ ..])) if point.len() == length => Ok(point),
            _ => Err(Code::AttributeValueInvalid.because("the public point has neither the plain nor the DER length")),
        }
    }

    /// The plain point as `CKA_EC_POINT` shows it: a DER OCTET STRING.
    ///
    /// For prime curves the standard says so. For edwards25519 and curve25519 it has said "the plain bytes" since 3.1
    /// and was read as DER before. The clients in the field learnt from SoftHSM, which writes an OCTET STRING: tried,
    /// pkcs11-tool 0.23 and GnuTLS 3.7 read these keys so, and clients of the plain form take both.
    pub fn shown_point(self, point: &[u8]) -> Vec<u8> {
        octet_string(point)
    }
}

/// The plain public point that belongs to a private value.
///
/// # Errors
/// [`Code::AttributeValueInvalid`] where the value is not one for the curve.
pub fn public_point(curve: NamedCurve, private: &[u8]) -> Result<Vec<u8>> {
    match curve {
        NamedCurve::Prime(curve) => ec::Agreement::new(curve, private)?.public(),
        NamedCurve::Ed25519 => Ok(ed25519::Signer::new(private)?.public().to_vec()),
        NamedCurve::X25519 => x25519::Agreement::new(private)?.public(),
    }
}

/// A private value in the length of its curve (leading zeros of a scalar may be missing or too many).
///
/// # Errors
/// [`Code::AttributeValueInvalid`] where the value is not one for the curve.
pub fn private_value(curve: NamedCurve, private: &[u8]) -> Result<Secret> {
    public_point(curve, private)?;
    match curve {
        NamedCurve::Prime(curve) => ec::widened(curve, private),
        NamedCurve::Ed25519 | NamedCurve::X25519 => Ok(Secret::from(private)),
    }
}

/// The plain point of an encoded one, which must be on its curve.
///
/// # Errors
/// [`Code::AttributeValueInvalid`] where it is not.
pub fn checked_point(curve: NamedCurve, encoded: &[u8]) -> Result<&[u8]> {
    let point = curve.plain_point(encoded)?;
    match curve {
        NamedCurve::Prime(curve) => ec::Verifier::new(curve, point).map(|_| ())?,
        NamedCurve::Ed25519 => ed25519::Verifier::new(point).map(|_| ())?,
        NamedCurve::X25519 => {} // RFC 7748: every 32 bytes are a public key
    }
    Ok(point)
}

/// All components of an RSA private key of which these are known: see [`RsaKnown`].
///
/// # Errors
/// [`Code::TemplateIncomplete`] where not enough is known; [`Code::AttributeValueInvalid`] where what is known
/// contradicts itself; [`Code::KeySizeRange`].
pub fn rsa_private(known: &RsaKnown<'_>) -> Result<RsaComponents> {
    let components = rsa_numbers::complete(known)?;
    rsa::PrivateKey::new(&components)?; // the provider checks once more
    Ok(components)
}

/// Checks that a modulus and an exponent can be an RSA public key: odd, 1024 to 8192 bits, exponent at least 3.
///
/// # Errors
/// [`Code::KeySizeRange`], [`Code::AttributeValueInvalid`].
pub fn rsa_public(n: &[u8], e: &[u8]) -> Result<()> {
    rsa_numbers::check_public(rsa::stripped(n), rsa::stripped(e))
}

/// A DER OCTET STRING of at most 255 bytes, which is longer than any point.
fn octet_string(content: &[u8]) -> Vec<u8> {
    let length = content.len() as u8;
    let header: &[u8] = if length < 0x80 { &[0x04, length] } else { &[0x04, 0x81, length] };
    [header, content].concat()
}

/// Tag and content of a DER value that fills `bytes`.
fn der_content(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (length, content) = match bytes {
        [_, length, content @ ..] if *length < 0x80 => (usize::from(*length), content),
        [_, 0x81, length, content @ ..] => (usize::from(*length), content),
        [_, 0x82, high, low, content @ ..] => (usize::from(*high) << 8 | usize::from(*low), content),
        _ => return None,
    };
    (content.len() == length).then_some((bytes[0], content))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::hex;

    const CURVES: [NamedCurve; 5] = [
        NamedCurve::Prime(Curve::P256),
        NamedCurve::Prime(Curve::P384),
        NamedCurve::Prime(Curve::P521),
        NamedCurve::Ed25519,
        NamedCurve::X25519,
    ];

    #[test]
    fn curves_are_found_by_every_name_and_others_refused_with_the_right_code() {
        for (curve, name) in NAMES {
            assert_eq!(NamedCurve::from_params(name).unwrap(), *curve);
        }
        for curve in CURVES {
            assert_eq!(NamedCurve::from_params(curve.params()).unwrap(), curve);
            assert_eq!(curve.params()[0], 6);
        }
        let code = |params: &[u8]| NamedCurve::from_params(params).unwrap_err().code();
        assert_eq!(code(b"\x06\x05\x2b\x81\x04\x00\x0a"), Code::CurveNotSupported); // secp256k1
        assert_eq!(code(b"\x13\x07unknown"), Code::CurveNotSupported);
        assert_eq!(code(b"\x30\x03\x02\x01\x01"), Code::CurveNotSupported);
        for garbage in
            [&b""[..], b"\x06", b"\x06\x00", b"\x06\x05\x2b", b"\x05\x00", b"secp256r1", b"\x06\x84\xff\xff\xff\xff"]
        {
            assert_eq!(code(garbage), Code::DomainParamsInvalid, "{garbage:x?}");
        }
    }

    #[test]
    fn points_are_read_by_their_length_even_where_they_look_like_der() {
        let mut tricky = vec![0x41; 32];
        tricky[..2].copy_from_slice(&[0x04, 0x1e]);
        assert_eq!(NamedCurve::Ed25519.plain_point(&tricky).unwrap(), tricky);
        assert_eq!(NamedCurve::Ed25519.plain_point(&octet_string(&tricky)).unwrap(), tricky);
        let bits = [&[3, 33, 0][..], &tricky].concat();
        assert_eq!(NamedCurve::X25519.plain_point(&bits).unwrap(), tricky);
        for curve in CURVES {
            let point = vec![4; curve.point_length()];
            assert_eq!(curve.plain_point(&curve.shown_point(&point)).unwrap(), point);
            for length in 0..curve.point_length() {
                assert!(curve.plain_point(&point[..length]).is_err());
            }
        }
    }

    #[test]
    fn public_points_follow_from_private_values_and_lie_on_their_curves() {
        for curve in CURVES {
            let private = vec![1; curve.private_length()];
            let point = public_point(curve, &private).unwrap();
            assert_eq!(checked_point(curve, &curve.shown_point(&point)).unwrap(), point);
            assert!(private_value(curve, &private).unwrap() == Secret::from(private));
        }
        let curve = NamedCurve::Prime(Curve::P256);
        // RFC 6979, appendix A.2.5
        let scalar = hex("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721");
        let x = hex("60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6");
        let point = public_point(curve, &scalar).unwrap();
        assert_eq!(point[1..33], x);
        assert_eq!(public_point(curve, &[&[0], &scalar[..]].concat()).unwrap(), point);
        assert!(public_point(curve, &[7]).is_ok());
        for bad in [vec![0; 32], vec![0xff; 32], vec![1; 33], vec![]] {
            assert_eq!(public_point(curve, &bad).unwrap_err().code(), Code::AttributeValueInvalid);
        }
        let mut off = point.clone();
        off[64] ^= 1;
        assert_eq!(checked_point(curve, &off).unwrap_err().code(), Code::AttributeValueInvalid);
        let compressed = [&[2], &point[1..33]].concat();
        assert!(checked_point(curve, &compressed).is_err());
        assert!(checked_point(NamedCurve::Ed25519, &[0xff; 32]).is_err());
    }

    #[test]
    fn rsa_keys_are_completed_from_whatever_is_enough() {
        for e in [&[1, 0, 1][..], &[3]] {
            let whole = rsa::generate(1024, e).unwrap();
            let all = RsaKnown {
                n: Some(&whole.n),
                e: Some(&whole.e),
                d: Some(&whole.d),
                p: Some(&whole.p),
                q: Some(&whole.q),
                dp: Some(&whole.dp),
                dq: Some(&whole.dq),
                qinv: Some(&whole.qinv),
            };
            let none = RsaKnown::default();
            let parts = [
                all,
                RsaKnown { n: all.n, e: all.e, d: all.d, ..none },
                RsaKnown { n: all.n, d: all.d, ..none },
                RsaKnown { p: all.p, q: all.q, e: all.e, ..none },
                RsaKnown { p: all.p, q: all.q, d: all.d, ..none },
                RsaKnown { p: all.q, q: all.p, e: all.e, ..none },
            ];
            for known in parts {
                let made = rsa_private(&known).unwrap();
                assert!(made.n == whole.n && made.e == whole.e && made.d == whole.d);
                assert!((made.p == whole.p) ^ (made.p == whole.q));
                assert!(rsa_public(&made.n, &made.e).is_ok());
            }
            let code = |known: RsaKnown<'_>| rsa_private(&known).err().unwrap().code();
            assert_eq!(code(none), Code::TemplateIncomplete);
            assert_eq!(code(RsaKnown { n: all.n, ..none }), Code::TemplateIncomplete);
            assert_eq!(code(RsaKnown { p: all.p, q: all.q, ..none }), Code::TemplateIncomplete);
            assert_eq!(code(RsaKnown { dp: all.dq, ..all }), Code::AttributeValueInvalid);
            assert_eq!(code(RsaKnown { d: all.p, ..all }), Code::AttributeValueInvalid);
            assert_eq!(code(RsaKnown { n: all.n, e: all.e, d: all.p, ..none }), Code::AttributeValueInvalid);
            assert_eq!(code(RsaKnown { p: Some(&[1]), q: Some(&[0]), e: all.e, ..none }), Code::AttributeValueInvalid);
            assert_eq!(code(RsaKnown { p: Some(&[11]), q: Some(&[17]), e: Some(&[3]), ..none }), Code::KeySizeRange);
        }
    }

    #[test]
    fn rsa_public_keys_are_odd_and_of_a_known_size() {
        let n = [0xff; 128];
        assert!(rsa_public(&n, &[1, 0, 1]).is_ok());
        assert!(rsa_public(&[&[0], &n[..]].concat(), &[0, 3]).is_ok());
        let code = |n: &[u8], e: &[u8]| rsa_public(n, e).unwrap_err().code();
        assert_eq!(code(&n[1..], &[3]), Code::KeySizeRange);
        assert_eq!(code(&[0xff; 1025], &[3]), Code::KeySizeRange);
        assert_eq!(code(&[], &[3]), Code::KeySizeRange);
        assert_eq!(code(&[0xfe; 128], &[3]), Code::AttributeValueInvalid);
        for e in [&[][..], &[0], &[1], &[2], &[1, 0], &[0xff; 33]] {
            assert_eq!(code(&n, e), Code::AttributeValueInvalid);
        }
    }
}
