//! Keys, parameters and one-line operations for the tests.

use std::convert::Infallible;
use strongroom_pkcs11::ck::*;
use strongroom_pkcs11::error::{Code, Result};
use strongroom_pkcs11::mechanism::{Key, Made, Mechanism, Operation, Verification, find};
use strongroom_pkcs11::object::{Object, Value};
use strongroom_pkcs11::wire::values::{Field, Parameter};

pub const NONE: Parameter = Parameter::None;

/// The bytes that hexadecimal digits mean.
pub fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().map(|digit| (digit as char).to_digit(16).unwrap() as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

pub fn row(id: u64) -> &'static Mechanism {
    find(id).expect("the mechanism has a row")
}

pub fn number(number: u64) -> Field {
    Field::Number(number)
}

pub fn bytes(bytes: &[u8]) -> Field {
    Field::Bytes(bytes.to_vec().into())
}

pub fn fields(fields: Vec<Field>) -> Parameter {
    Parameter::Fields(fields)
}

pub fn pss(hash: u64, mgf: u64, salt: u64) -> Parameter {
    fields(vec![number(hash), number(mgf), number(salt)])
}

pub fn oaep_fields(hash: u64, mgf: u64, label: &[u8]) -> Vec<Field> {
    vec![number(hash), number(mgf), number(CKZ_DATA_SPECIFIED), bytes(label)]
}

pub fn oaep(hash: u64, mgf: u64, label: &[u8]) -> Parameter {
    fields(oaep_fields(hash, mgf, label))
}

/// A key of these attributes.
pub fn key(class: u64, key_type: u64, made: Made) -> Key {
    let mut object = Object::default();
    object.set(CKA_CLASS, Value::Number(class));
    object.set(CKA_KEY_TYPE, Value::Number(key_type));
    made.into_iter().for_each(|(kind, value)| object.set(kind, value));
    Key::new(object)
}

/// The public and the private key that a row makes for a template.
pub fn generated(id: u64, template: Made) -> Result<(Key, Key)> {
    let key_type = row(id).keys[0];
    let public = key(CKO_PUBLIC_KEY, key_type, template);
    let private = key(CKO_PRIVATE_KEY, key_type, vec![]);
    let (made, secret) = row(id).generate_pair.unwrap()(&NONE, &public.object, &private.object)?;
    Ok((key(CKO_PUBLIC_KEY, key_type, made), key(CKO_PRIVATE_KEY, key_type, secret)))
}

pub fn rsa_template(bits: u64, e: &[u8]) -> Made {
    vec![(CKA_MODULUS_BITS, Value::Number(bits)), (CKA_PUBLIC_EXPONENT, Value::Bytes(e.to_vec()))]
}

pub fn rsa_pair(bits: u64) -> (Key, Key) {
    generated(CKM_RSA_PKCS_KEY_PAIR_GEN, rsa_template(bits, &[1, 0, 1])).unwrap()
}

pub fn curve_template(params: &[u8]) -> Made {
    vec![(CKA_EC_PARAMS, Value::Bytes(params.to_vec()))]
}

pub fn rsa_public(n: &[u8], e: &[u8]) -> Key {
    let made = vec![(CKA_MODULUS, Value::Bytes(n.to_vec())), (CKA_PUBLIC_EXPONENT, Value::Bytes(e.to_vec()))];
    key(CKO_PUBLIC_KEY, CKK_RSA, made)
}

pub fn rsa_private(n: &[u8], e: &[u8], d: &[u8]) -> Key {
    let mut key = rsa_public(n, e);
    key.object.set(CKA_CLASS, Value::Number(CKO_PRIVATE_KEY));
    key.object.set(CKA_PRIVATE_EXPONENT, Value::Secret(d.into()));
    key
}

/// Runs an operation over data in three parts, a copy taken in the middle; both must come to their end.
fn run(mut operation: Box<dyn Operation>, data: &[u8]) -> Result<Vec<u8>> {
    let bound = operation.finish_bound(data.len());
    let (mut output, mut copied) = (Vec::new(), Vec::new());
    let (first, rest) = data.split_at(data.len() / 3);
    operation.update(first, &mut output)?;
    let mut copy = operation.duplicate();
    operation.update(b"", &mut output)?;
    operation.update(rest, &mut output)?;
    operation.finish(&mut output)?;
    copy.update(rest, &mut copied)?;
    copy.finish(&mut copied)?;
    assert!(output.len() <= bound && copied.len() <= bound);
    Ok(output)
}

pub fn sign(id: u64, key: &Key, parameter: &Parameter, data: &[u8]) -> Result<Vec<u8>> {
    run(row(id).sign.unwrap()(key, parameter)?, data)
}

pub fn encrypt(id: u64, key: &Key, parameter: &Parameter, data: &[u8]) -> Result<Vec<u8>> {
    run(row(id).encrypt.unwrap()(key, parameter)?, data)
}

pub fn decrypt(id: u64, key: &Key, parameter: &Parameter, data: &[u8]) -> Result<Vec<u8>> {
    run(row(id).decrypt.unwrap()(key, parameter)?, data)
}

pub fn verify(id: u64, key: &Key, parameter: &Parameter, data: &[u8], signature: &[u8]) -> Result<()> {
    let mut verification: Box<dyn Verification> = row(id).verify.unwrap()(key, parameter)?;
    let (first, rest) = data.split_at(data.len() / 2);
    verification.update(first)?;
    let mut copy = verification.duplicate();
    verification.update(rest)?;
    copy.update(rest)?;
    let outcome = verification.finish(signature);
    assert!(copy.finish(signature) == outcome);
    outcome
}

pub fn wrap(id: u64, key: &Key, parameter: &Parameter, value: &[u8]) -> Result<Vec<u8>> {
    row(id).wrap.unwrap()(key, parameter, value)
}

pub fn unwrap(id: u64, key: &Key, parameter: &Parameter, wrapped: &[u8]) -> Result<Vec<u8>> {
    row(id).unwrap.unwrap()(key, parameter, wrapped).map(|value| value.to_vec())
}

/// The code of a refusal.
pub fn code<T>(outcome: Result<T>) -> Code {
    match outcome {
        Ok(_) => panic!("this should have been refused"),
        Err(error) => error.code(),
    }
}

/// Every bit of the first, a middle and the last byte turned over, one at a time.
pub fn spoilt(bytes: &[u8]) -> Vec<Vec<u8>> {
    let places = [0, bytes.len() / 2, bytes.len() - 1];
    let spoil = |place: usize, bit: u32| {
        let mut spoilt = bytes.to_vec();
        spoilt[place] ^= 1 << bit;
        spoilt
    };
    places
        .into_iter()
        .flat_map(|place| (0..8).map(move |bit| (place, bit)))
        .map(|(place, bit)| spoil(place, bit))
        .collect()
}

/// Chance for the other crates.
pub struct Chance;

impl rsa::rand_core::TryRng for Chance {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> std::result::Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes).map(|()| u32::from_ne_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> std::result::Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes).map(|()| u64::from_ne_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> std::result::Result<(), Infallible> {
        strongroom_pkcs11::crypto::random::fill(bytes).unwrap();
        Ok(())
    }
}

impl rsa::rand_core::TryCryptoRng for Chance {}
