//! AES-CMAC: PKCS#11 3.2, section "AES CMAC".

use super::mac::{self, Mac};
use super::{Key, Mechanism, Operation, Verification, aes, parameter};
use crate::crypto::aes::BLOCK;
use crate::crypto::cmac::Cmac;
use crate::error::Result;
use crate::wire::values::Parameter;

pub(super) const FAMILY: &[Mechanism] = &[
    Mechanism {
        keys: aes::KEYS,
        sizes: aes::SIZES,
        sign: Some(|key, parameter| whole(parameter).and_then(|length| Ok(mac::sign(ready(key)?, length)))),
        verify: Some(|key, parameter| whole(parameter).and_then(|length| Ok(mac::verify(ready(key)?, length)))),
        ..named!(CKM_AES_CMAC)
    },
    Mechanism {
        keys: aes::KEYS,
        sizes: aes::SIZES,
        parts: mac::GENERAL,
        sign: Some(sign_general),
        verify: Some(verify_general),
        ..named!(CKM_AES_CMAC_GENERAL)
    },
];

fn whole(parameter: &Parameter) -> Result<usize> {
    parameter::none(parameter).map(|()| BLOCK)
}

fn sign_general(key: &Key, parameter: &Parameter) -> Result<Box<dyn Operation>> {
    let length = mac::general_length(parameter, BLOCK)?;
    Ok(mac::sign(ready(key)?, length))
}

fn verify_general(key: &Key, parameter: &Parameter) -> Result<Box<dyn Verification>> {
    let length = mac::general_length(parameter, BLOCK)?;
    Ok(mac::verify(ready(key)?, length))
}

fn ready(key: &Key) -> Result<Cmac> {
    let schedule = aes::schedule(key)?;
    Ok(key.prepared(|_| Ok(Cmac::new(&schedule)))?.as_ref().clone())
}

impl Mac for Cmac {
    fn update(&mut self, data: &[u8]) {
        Cmac::update(self, data);
    }
    fn finish(self) -> Vec<u8> {
        Cmac::finish(self).to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::hex;
    use crate::error::Code;
    use crate::mechanism::testing::{aes_key, code, number, run, stream};

    /// NIST SP 800-38B, D.1, example 3.
    #[test]
    fn the_code_is_that_of_the_vector_whole_and_cut() {
        let key = aes_key("2b7e151628aed2a6abf7158809cf4f3c");
        let data = hex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411");
        let expected = hex("dfa66747de9ae63030ca32611497c827");
        let [whole, general] = FAMILY else { panic!("two rows") };
        for (row, parameter, length) in
            [(whole, Parameter::None, 16), (general, number(7), 7), (general, number(16), 16)]
        {
            let begin = || row.sign.unwrap()(&key, &parameter).unwrap();
            assert_eq!(run(begin(), &data).unwrap(), expected[..length]);
            stream(begin, |data| run(begin(), data).unwrap());
            let mut verification = row.verify.unwrap()(&key, &parameter).unwrap();
            verification.update(&data).unwrap();
            assert_eq!(code(verification.duplicate().finish(&expected[1..=length - 1])), Some(Code::SignatureLenRange));
            assert_eq!(code(verification.duplicate().finish(&vec![0; length])), Some(Code::SignatureInvalid));
            assert!(verification.finish(&expected[..length]).is_ok());
        }
        for parameter in [number(0), number(17), Parameter::None] {
            assert_eq!(code(general.sign.unwrap()(&key, &parameter)), Some(Code::MechanismParamInvalid));
        }
    }
}
