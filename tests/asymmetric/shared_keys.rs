//! One prepared key serves many threads at once.

use crate::support::*;
use std::thread;
use strongroom_pkcs11::ck::*;
use strongroom_pkcs11::crypto::public::NamedCurve;
use strongroom_pkcs11::mechanism::Key;

fn from_many_threads(mechanism: u64, public: &Key, private: &Key) {
    thread::scope(|scope| {
        for thread in 0..8u8 {
            scope.spawn(move || {
                for round in 0..20u8 {
                    let data = [thread, round];
                    let signature = sign(mechanism, private, &NONE, &data).unwrap();
                    verify(mechanism, public, &NONE, &data, &signature).unwrap();
                }
            });
        }
    });
}

#[test]
fn many_threads_sign_and_verify_with_the_same_keys() {
    let (public, private) = rsa_pair(1024);
    from_many_threads(CKM_SHA256_RSA_PKCS, &public, &private);
    let curve = NamedCurve::from_params(b"\x13\x05P-256").unwrap();
    let (public, private) = generated(CKM_EC_KEY_PAIR_GEN, curve_template(curve.params())).unwrap();
    from_many_threads(CKM_ECDSA_SHA256, &public, &private);
    let template = curve_template(NamedCurve::Ed25519.params());
    let (public, private) = generated(CKM_EC_EDWARDS_KEY_PAIR_GEN, template).unwrap();
    from_many_threads(CKM_EDDSA, &public, &private);
}
