//! AES-CMAC, NIST SP 800-38B.

use crate::crypto::aes::{Aes, BLOCK};
use cmac::Mac;
use cmac::digest::common::InnerInit;

/// A CMAC in progress. A copy of one that has taken nothing is the same key, ready again.
#[derive(Clone)]
pub struct Cmac(State);

#[derive(Clone)]
enum State {
    Aes128(cmac::Cmac<aes::Aes128>),
    Aes192(cmac::Cmac<aes::Aes192>),
    Aes256(cmac::Cmac<aes::Aes256>),
}

impl Cmac {
    /// Begins a CMAC.
    pub fn new(aes: &Aes) -> Cmac {
        Cmac(match aes {
            Aes::Aes128(aes) => State::Aes128(InnerInit::inner_init(aes.clone())),
            Aes::Aes192(aes) => State::Aes192(InnerInit::inner_init(aes.clone())),
            Aes::Aes256(aes) => State::Aes256(InnerInit::inner_init(aes.clone())),
        })
    }

    /// Takes a part of the data.
    pub fn update(&mut self, data: &[u8]) {
        match &mut self.0 {
            State::Aes128(state) => state.update(data),
            State::Aes192(state) => state.update(data),
            State::Aes256(state) => state.update(data),
        }
    }

    /// The code over all that was taken.
    pub fn finish(self) -> [u8; BLOCK] {
        match self.0 {
            State::Aes128(state) => state.finalize().into_bytes().into(),
            State::Aes192(state) => state.finalize().into_bytes().into(),
            State::Aes256(state) => state.finalize().into_bytes().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::hex;

    /// NIST SP 800-38B, appendix D: 0, 16, 40 and 64 bytes.
    #[test]
    fn the_vectors_of_sp_800_38b_come_out() {
        let message = hex(concat!(
            "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51",
            "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
        ));
        let keys = [
            (
                "2b7e151628aed2a6abf7158809cf4f3c",
                [
                    "bb1d6929e95937287fa37d129b756746",
                    "070a16b46b4d4144f79bdd9dd04a287c",
                    "dfa66747de9ae63030ca32611497c827",
                    "51f0bebf7e3b9d92fc49741779363cfe",
                ],
            ),
            (
                "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
                [
                    "d17ddf46adaacde531cac483de7a9367",
                    "9e99a7bf31e710900662f65e617c5184",
                    "8a1de5be2eb31aad089a82e6ee908b0e",
                    "a1d5df0eed790f794d77589659f39a11",
                ],
            ),
            (
                "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
                [
                    "028962f61b7bf89efc6b551f4667d983",
                    "28a7023f452e8f82bd4bf28d8c37c35c",
                    "aaf3d8f1de5640c232f5b169b9c911e6",
                    "e1992190549f6ed5696a2c056c315410",
                ],
            ),
        ];
        for (key, codes) in keys {
            let fresh = Cmac::new(&Aes::new(&hex(key)).unwrap());
            for (length, code) in [0, 16, 40, 64].into_iter().zip(codes) {
                let mut cmac = fresh.clone();
                message[..length].chunks(7).for_each(|part| cmac.update(part));
                assert_eq!(cmac.finish().to_vec(), hex(code));
            }
        }
    }
}
