//! Encryption, decryption, digests, signatures and their verification (sections 5.8 to 5.15).

use super::prelude::*;

entry!(C_EncryptInit(session: number, mechanism: optional_mechanism, key: number) |calls|
    calls.encrypt_init(session, mechanism, key));
entry!(C_Encrypt(session: number, data: bytes(DataLenRange), encrypted: output) ends(session, CKF_ENCRYPT) |calls|
    encrypted.put(calls.encrypt(session, data, encrypted.room())?));
entry!(C_EncryptUpdate(session: number, part: bytes(DataLenRange), encrypted: output) ends(session, CKF_ENCRYPT) |calls|
    encrypted.put(calls.encrypt_update(session, part, encrypted.room())?));
entry!(C_EncryptFinal(session: number, last: output) ends(session, CKF_ENCRYPT) |calls|
    last.put(calls.encrypt_final(session, last.room())?));

entry!(C_DecryptInit(session: number, mechanism: optional_mechanism, key: number) |calls|
    calls.decrypt_init(session, mechanism, key));
entry!(C_Decrypt(session: number, encrypted: bytes(EncryptedDataLenRange), data: output) ends(session, CKF_DECRYPT) |calls|
    data.put(calls.decrypt(session, encrypted, data.room())?));
entry!(C_DecryptUpdate(session: number, encrypted: bytes(EncryptedDataLenRange), part: output)
    ends(session, CKF_DECRYPT) |calls| part.put(calls.decrypt_update(session, encrypted, part.room())?));
entry!(C_DecryptFinal(session: number, last: output) ends(session, CKF_DECRYPT) |calls|
    last.put(calls.decrypt_final(session, last.room())?));

entry!(C_DigestInit(session: number, mechanism: optional_mechanism) |calls| calls.digest_init(session, mechanism));
entry!(C_Digest(session: number, data: bytes(DataLenRange), digest: output) ends(session, CKF_DIGEST) |calls|
    digest.put(calls.digest(session, data, digest.room())?));
entry!(C_DigestUpdate(session: number, part: bytes(DataLenRange)) ends(session, CKF_DIGEST) |calls|
    calls.digest_update(session, part));
entry!(C_DigestKey(session: number, key: number) |calls| calls.digest_key(session, key));
entry!(C_DigestFinal(session: number, digest: output) ends(session, CKF_DIGEST) |calls|
    digest.put(calls.digest_final(session, digest.room())?));

entry!(C_SignInit(session: number, mechanism: optional_mechanism, key: number) |calls|
    calls.sign_init(session, mechanism, key));
entry!(C_Sign(session: number, data: bytes(DataLenRange), signature: output) ends(session, CKF_SIGN) |calls|
    signature.put(calls.sign(session, data, signature.room())?));
entry!(C_SignUpdate(session: number, part: bytes(DataLenRange)) ends(session, CKF_SIGN) |calls|
    calls.sign_update(session, part));
entry!(C_SignFinal(session: number, signature: output) ends(session, CKF_SIGN) |calls|
    signature.put(calls.sign_final(session, signature.room())?));

entry!(C_VerifyInit(session: number, mechanism: optional_mechanism, key: number) |calls|
    calls.verify_init(session, mechanism, key));
entry!(C_Verify(session: number, data: bytes(DataLenRange), signature: bytes(SignatureLenRange))
    ends(session, CKF_VERIFY) |calls| calls.verify(session, data, signature));
entry!(C_VerifyUpdate(session: number, part: bytes(DataLenRange)) ends(session, CKF_VERIFY) |calls|
    calls.verify_update(session, part));
entry!(C_VerifyFinal(session: number, signature: bytes(SignatureLenRange)) ends(session, CKF_VERIFY) |calls|
    calls.verify_final(session, signature));
