//! Digests: PKCS#11 3.2, section "Digests".

use super::{Mechanism, Operation, parameter};
use crate::crypto::hash::{Hash, Hasher};
use crate::error::Result;
use crate::wire::values::Parameter;

macro_rules! digests {
    ($($mechanism:ident $hash:ident;)*) => {
        pub(super) const FAMILY: &[Mechanism] = &[$(
            Mechanism { digest: Some(|parameter| start(Hash::$hash, parameter)), ..named!($mechanism) },
        )*];
    };
}

digests! {
    CKM_SHA_1 Sha1;
    CKM_SHA224 Sha224;
    CKM_SHA256 Sha256;
    CKM_SHA384 Sha384;
    CKM_SHA512 Sha512;
    CKM_SHA512_224 Sha512_224;
    CKM_SHA512_256 Sha512_256;
    CKM_SHA3_224 Sha3_224;
    CKM_SHA3_256 Sha3_256;
    CKM_SHA3_384 Sha3_384;
    CKM_SHA3_512 Sha3_512;
    CKM_BLAKE2B_160 Blake2b160;
    CKM_BLAKE2B_256 Blake2b256;
    CKM_BLAKE2B_384 Blake2b384;
    CKM_BLAKE2B_512 Blake2b512;
}

fn start(hash: Hash, parameter: &Parameter) -> Result<Box<dyn Operation>> {
    parameter::none(parameter)?;
    Ok(Box::new(Digest(hash.start())))
}

#[derive(Clone)]
struct Digest(Hasher);

impl Operation for Digest {
    fn update(&mut self, input: &[u8], _: &mut Vec<u8>) -> Result<()> {
        self.0.update(input);
        Ok(())
    }
    fn finish(self: Box<Self>, output: &mut Vec<u8>) -> Result<()> {
        output.extend_from_slice(&self.0.finish());
        Ok(())
    }
    fn update_bound(&self, _: usize) -> usize {
        0
    }
    fn finish_bound(&self, _: usize) -> usize {
        self.0.hash().output_length()
    }
    fn duplicate(&self) -> Box<dyn Operation> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanism::testing;

    #[test]
    fn every_row_makes_the_digest_of_its_name_in_any_parts() {
        for row in FAMILY {
            let hash = Hash::from_mechanism(row.id).unwrap();
            let begin = || row.digest.unwrap()(&Parameter::None).unwrap();
            testing::stream(begin, |data| hash.digest(data));
            assert!(row.digest.unwrap()(&Parameter::Bytes(vec![1].into())).is_err());
        }
        assert_eq!(FAMILY.len(), Hash::ALL.len());
    }
}
