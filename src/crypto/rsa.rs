//! RSA (RFC 8017): keys, and the schemes over the raw operation of the provider.
//!
//! All padding is made and taken off here (`rsa_padding`, `rsa_reject`), so that every provider
//! offers exactly the same hashes, mask generation functions, salts and labels. Integers are big-endian.

use crate::crypto::hash::Hash;
use crate::crypto::{provider, rsa_numbers, rsa_padding, rsa_reject};
use crate::error::{Code, Result};
use crate::secret::Secret;

/// Smallest and largest modulus in bits.
pub const SIZES: (usize, usize) = (1024, 8192);

/// All numbers of a private key, without leading zeros, in agreement with each other.
pub struct Components {
    /// The modulus.
    pub n: Vec<u8>,
    /// The public exponent.
    pub e: Vec<u8>,
    /// The private exponent.
    pub d: Secret,
    /// The first prime.
    pub p: Secret,
    /// The second prime.
    pub q: Secret,
    /// d mod p-1
    pub dp: Secret,
    /// d mod q-1
    pub dq: Secret,
    /// The inverse of q modulo p.
    pub qinv: Secret,
}

/// A new key. `bits` is a multiple of 128.
///
/// # Errors
/// [`Code::AttributeValueInvalid`] for other sizes, and for an exponent that is even, 1, or longer
/// than 32 bits.
pub fn generate(bits: u64, e: &[u8]) -> Result<Components> {
    let sizes = SIZES.0 as u64..=SIZES.1 as u64;
    if !sizes.contains(&bits) || !bits.is_multiple_of(128) {
        return Err(Code::AttributeValueInvalid
            .because("the modulus of a new RSA key has 1024 to 8192 bits, a multiple of 128"));
    }
    let exponent = stripped(e);
    if exponent.len() > 4 {
        return Err(Code::AttributeValueInvalid.because("the public exponent of a new RSA key has at most 32 bits"));
    }
    let value = exponent.iter().fold(0u32, |value, byte| value << 8 | u32::from(*byte));
    if value < 3 || value.is_multiple_of(2) {
        return Err(Code::AttributeValueInvalid.because("an RSA public exponent is odd, and at least 3"));
    }
    provider::rsa::generate(bits as u16, value).ok_or_else(|| Code::FunctionFailed.into())
}

/// A public key.
pub struct PublicKey {
    n: Vec<u8>,
    raw: provider::rsa::RawPublic,
}

impl PublicKey {
    /// The key of a modulus and an exponent.
    ///
    /// # Errors
    /// [`Code::KeySizeRange`], or [`Code::AttributeValueInvalid`] where the numbers cannot be such a key.
    pub fn new(n: &[u8], e: &[u8]) -> Result<PublicKey> {
        let (n, e) = (stripped(n), stripped(e));
        rsa_numbers::check_public(n, e)?;
        let raw = provider::rsa::RawPublic::new(n, e).ok_or(Code::AttributeValueInvalid)?;
        Ok(PublicKey { n: n.to_vec(), raw })
    }

    /// The length of the modulus in bytes.
    pub fn size(&self) -> usize {
        self.n.len()
    }

    /// The length of the modulus in bits.
    pub fn bits(&self) -> usize {
        bits(&self.n)
    }

    /// The raw operation. `input` has the length of the modulus.
    ///
    /// # Errors
    /// [`Code::DataInvalid`] where it is not smaller than the modulus.
    pub fn apply(&self, input: &[u8]) -> Result<Vec<u8>> {
        if input.len() != self.size() || *input >= *self.n {
            return Err(Code::DataInvalid.because("the number is not smaller than the modulus"));
        }
        self.raw.apply(input).ok_or_else(|| Code::FunctionFailed.into())
    }

    /// Raw encryption: the operation on `message` with zeros before it.
    ///
    /// # Errors
    /// [`Code::DataLenRange`], or [`Code::DataInvalid`] where it is not smaller than the modulus.
    pub fn encrypt_raw(&self, message: &[u8]) -> Result<Vec<u8>> {
        self.apply(&rsa_padding::zeros_before(self.size(), message)?)
    }

    /// RSAES-PKCS1-v1_5 encryption.
    ///
    /// # Errors
    /// [`Code::DataLenRange`] where the message is too long for the key.
    pub fn encrypt_pkcs1(&self, message: &[u8]) -> Result<Vec<u8>> {
        self.apply(&rsa_padding::pkcs1_encryption(self.size(), message)?)
    }

    /// RSAES-OAEP encryption.
    ///
    /// # Errors
    /// [`Code::DataLenRange`] where the message is too long for the key.
    pub fn encrypt_oaep(&self, oaep: &Oaep, message: &[u8]) -> Result<Vec<u8>> {
        self.apply(&rsa_padding::oaep(oaep, self.size(), message)?)
    }

    /// Raw verification: whether `signature` opens to `data`, with zeros before it.
    ///
    /// # Errors
    /// [`Code::SignatureInvalid`], [`Code::SignatureLenRange`].
    pub fn verify_raw(&self, data: &[u8], signature: &[u8]) -> Result<()> {
        let opened = self.open(signature)?;
        let zeros = opened.len().checked_sub(data.len()).ok_or(Code::DataLenRange)?;
        accept(opened[..zeros].iter().all(|byte| *byte == 0) && opened[zeros..] == *data)
    }

    /// RSASSA-PKCS1-v1_5 verification of `data` (a DigestInfo, usually).
    ///
    /// # Errors
    /// [`Code::SignatureInvalid`], [`Code::SignatureLenRange`].
    pub fn verify_pkcs1(&self, data: &[u8], signature: &[u8]) -> Result<()> {
        let opened = self.open(signature)?;
        accept(opened == rsa_padding::pkcs1_signature(self.size(), data)?)
    }

    /// RSASSA-PSS verification of a digest.
    ///
    /// # Errors
    /// [`Code::SignatureInvalid`], [`Code::SignatureLenRange`].
    pub fn verify_pss(&self, pss: &Pss, digest: &[u8], signature: &[u8]) -> Result<()> {
        let opened = self.open(signature)?;
        accept(rsa_padding::pss_is_right(pss, self.bits(), digest, &opened))
    }

    /// What a signature opens to.
    fn open(&self, signature: &[u8]) -> Result<Vec<u8>> {
        if signature.len() != self.size() {
            return Err(Code::SignatureLenRange.into());
        }
        self.apply(signature).map_err(|_| Code::SignatureInvalid.into())
    }
}

fn accept(right: bool) -> Result<()> {
    if right { Ok(()) } else { Err(Code::SignatureInvalid.into()) }
}

/// A private key.
pub struct PrivateKey {
    n: Vec<u8>,
    raw: provider::rsa::RawPrivate,
    /// SHA-256 of the private exponent: what false messages are made from where a ciphertext is bad.
    rejection: Secret,
}

impl PrivateKey {
    /// The key of its components.
    ///
    /// # Errors
    /// [`Code::KeySizeRange`], or [`Code::AttributeValueInvalid`] where the numbers contradict each other.
    pub fn new(components: &Components) -> Result<PrivateKey> {
        rsa_numbers::check_public(&components.n, &components.e)?;
        let raw = provider::rsa::RawPrivate::new(components)
            .ok_or_else(|| Code::AttributeValueInvalid.because("the numbers of the RSA key contradict each other"))?;
        let rejection = rsa_reject::key(&components.d, components.n.len());
        Ok(PrivateKey { n: components.n.clone(), raw, rejection })
    }

    /// The length of the modulus in bytes.
    pub fn size(&self) -> usize {
        self.n.len()
    }

    /// The length of the modulus in bits.
    pub fn bits(&self) -> usize {
        bits(&self.n)
    }

    /// The raw operation. `input` has the length of the modulus.
    ///
    /// # Errors
    /// [`Code::DataInvalid`] where it is not smaller than the modulus.
    pub fn apply(&self, input: &[u8]) -> Result<Secret> {
        if input.len() != self.size() || *input >= *self.n {
            return Err(Code::DataInvalid.because("the number is not smaller than the modulus"));
        }
        if self.is_fixed_point(input) {
            return Ok(Secret::from(input));
        }
        self.raw.apply(input).ok_or_else(|| Code::FunctionFailed.into())
    }

    /// 0, 1 and n-1 are their own powers (d is odd). AWS-LC refuses them, since no padding makes them.
    fn is_fixed_point(&self, input: &[u8]) -> bool {
        let last = self.size() - 1;
        let small = input[..last].iter().all(|byte| *byte == 0) && input[last] <= 1;
        // n is odd, so n-1 differs from it in the last bit only.
        let largest = input[..last] == self.n[..last] && input[last] == self.n[last] - 1;
        small || largest
    }

    /// A raw signature: the operation on `data` with zeros before it.
    ///
    /// # Errors
    /// [`Code::DataLenRange`], or [`Code::DataInvalid`] where it is not smaller than the modulus.
    pub fn sign_raw(&self, data: &[u8]) -> Result<Secret> {
        self.apply(&rsa_padding::zeros_before(self.size(), data)?)
    }

    /// RSASSA-PKCS1-v1_5 over `data` (a DigestInfo, usually).
    ///
    /// # Errors
    /// [`Code::DataLenRange`] where it is too long for the key.
    pub fn sign_pkcs1(&self, data: &[u8]) -> Result<Secret> {
        self.apply(&rsa_padding::pkcs1_signature(self.size(), data)?)
    }

    /// RSASSA-PSS over a digest, with a random salt.
    ///
    /// # Errors
    /// [`Code::KeySizeRange`] where digest and salt are too long for the key.
    pub fn sign_pss(&self, pss: &Pss, digest: &[u8]) -> Result<Secret> {
        let salt = crate::crypto::random::secret(pss.salt_length)?;
        self.apply(&rsa_padding::pss(pss, self.bits(), digest, &salt)?)
    }

    /// RSAES-PKCS1-v1_5 decryption. Bad padding is no error: it decrypts to a message that only the key could
    /// foretell, so that nobody can use the difference (implicit rejection).
    ///
    /// # Errors
    /// [`Code::EncryptedDataLenRange`], or [`Code::EncryptedDataInvalid`] for a number outside the modulus.
    pub fn decrypt_pkcs1(&self, ciphertext: &[u8]) -> Result<Secret> {
        let padded = self.decrypt_raw(ciphertext)?;
        Ok(rsa_reject::message(&self.rejection, ciphertext, &padded))
    }

    /// RSAES-OAEP decryption.
    ///
    /// # Errors
    /// [`Code::EncryptedDataLenRange`]; [`Code::EncryptedDataInvalid`] for whatever is wrong.
    pub fn decrypt_oaep(&self, oaep: &Oaep, ciphertext: &[u8]) -> Result<Secret> {
        let padded = self.decrypt_raw(ciphertext)?;
        rsa_padding::oaep_message(oaep, &padded).ok_or_else(|| Code::EncryptedDataInvalid.into())
    }

    /// Raw decryption: as many bytes as the modulus has.
    ///
    /// # Errors
    /// As [`PrivateKey::decrypt_pkcs1`].
    pub fn decrypt_raw(&self, ciphertext: &[u8]) -> Result<Secret> {
        if ciphertext.len() != self.size() {
            return Err(Code::EncryptedDataLenRange.into());
        }
        self.apply(ciphertext).map_err(|error| match error.code() {
            Code::DataInvalid => Code::EncryptedDataInvalid.into(),
            _ => error,
        })
    }
}

/// The parameters of RSASSA-PSS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pss {
    /// The hash of the message, and of the encoding.
    pub hash: Hash,
    /// The hash of the mask generation function.
    pub mgf: Hash,
    /// The length of the salt.
    pub salt_length: usize,
}

/// The parameters of RSAES-OAEP.
#[derive(Clone)]
pub struct Oaep {
    /// The hash of the label.
    pub hash: Hash,
    /// The hash of the mask generation function.
    pub mgf: Hash,
    /// The label.
    pub label: Vec<u8>,
}

impl Oaep {
    /// The longest message for a modulus of `size` bytes, if there is any.
    pub fn capacity(&self, size: usize) -> Option<usize> {
        size.checked_sub(2 * self.hash.output_length() + 2)
    }
}

/// An integer without its leading zeros.
pub fn stripped(integer: &[u8]) -> &[u8] {
    let zeros = integer.iter().take_while(|byte| **byte == 0).count();
    &integer[zeros..]
}

/// How many bits an integer without leading zeros has.
pub(crate) fn bits(integer: &[u8]) -> usize {
    match integer.first() {
        Some(first) => 8 * integer.len() - first.leading_zeros() as usize,
        None => 0,
    }
}
