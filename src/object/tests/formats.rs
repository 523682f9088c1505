//! Keys and certificates in other programs' formats.

use super::*;

fn import_code(result: Result<import::Imported>) -> Code {
    code(result)
}

#[test]
fn the_same_key_in_every_format_is_the_same_key() {
    let rsa = import::private_key(fixture!("rsa.pkcs8")).unwrap();
    assert!(import::private_key(fixture!("rsa.pkcs1")).unwrap().objects == rsa.objects);
    let ec = import::private_key(fixture!("p256.pkcs8")).unwrap();
    assert!(import::private_key(fixture!("p256.sec1")).unwrap().objects == ec.objects);
    let public = import::public_key(fixture!("rsa.spki")).unwrap();
    assert!(import::public_key(fixture!("rsa.pkcs1.public")).unwrap().objects == public.objects);
    assert!(public.objects[0] == rsa.objects[1]);
}

#[test]
fn key_public_key_and_certificate_share_an_id() {
    for (_, pkcs8, spki) in PAIRS {
        let pair = import::private_key(pkcs8).unwrap();
        let public = import::public_key(spki).unwrap();
        assert_eq!((pair.id.len(), &pair.id), (20, &public.id));
        assert!(pair.objects[1] == public.objects[0]);
    }
    let certificate = import::certificate(fixture!("p256.certificate")).unwrap();
    assert_eq!(certificate.id, import::public_key(fixture!("p256.spki")).unwrap().id);
}

#[test]
fn templates_make_objects_whose_keys_are_those_of_the_file() {
    for (key_type, pkcs8, spki) in PAIRS {
        let (private, public) = halves(pkcs8);
        let private = create_as_user(&private.flag(CKA_EXTRACTABLE, true).flag(CKA_TOKEN, true)).unwrap();
        let public = create_as_user(&public).unwrap();
        assert_eq!((private.key_type(), public.key_type()), (key_type, key_type));
        assert_eq!(&wrappable(&private).unwrap()[..], pkcs8);
        assert_eq!(shown(&public, CKA_PUBLIC_KEY_INFO).as_deref(), Some(spki));
        assert_eq!(shown(&private, CKA_ID), shown(&public, CKA_ID));
    }
    let certificate = import::certificate(fixture!("p256.certificate")).unwrap();
    let object = create_as_user(&certificate.objects[0]).unwrap();
    assert_eq!(shown(&object, CKA_VALUE).as_deref(), Some(fixture!("p256.certificate")));
}

#[test]
fn what_is_no_supported_key_is_told_so() {
    assert_eq!(import_code(import::private_key(b"")), Code::DataInvalid);
    assert_eq!(import_code(import::private_key(fixture!("p256.spki"))), Code::DataInvalid);
    assert_eq!(import_code(import::public_key(fixture!("p256.pkcs8"))), Code::DataInvalid);
    assert_eq!(import_code(import::certificate(fixture!("p256.spki"))), Code::DataInvalid);
    assert_eq!(import_code(import::private_key(fixture!("secp256k1.pkcs8"))), Code::CurveNotSupported);
    let encrypted = import::private_key(fixture!("encrypted.pkcs8")).err().unwrap();
    assert!(encrypted.why().contains("encrypted"));
}

#[test]
fn damaged_files_never_panic() {
    let mut state = 7u64;
    let mut next = move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize
    };
    let files =
        [fixture!("p256.pkcs8"), fixture!("p256.sec1"), fixture!("ed25519.pkcs8"), fixture!("p256.certificate")];
    for file in files {
        for _ in 0..500 {
            let mut bytes = file[..file.len() - next() % 3].to_vec();
            for _ in 0..1 + next() % 3 {
                let at = next() % bytes.len();
                bytes[at] = next() as u8;
            }
            let _ = import::private_key(&bytes);
            let _ = import::public_key(&bytes);
            let _ = import::certificate(&bytes);
        }
    }
}
