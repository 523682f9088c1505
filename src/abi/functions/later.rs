//! Functions that this token does not offer: they look at their arguments as the others do, and say so.

use super::prelude::*;

/// A row of a function that is not offered.
macro_rules! absent {
    ($name:ident($($arguments:tt)*)) => {
        entry!($name($($arguments)*) here Err(Code::FunctionNotSupported.because(concat!(stringify!($name), " is not supported"))));
    };
}

absent!(C_GetOperationState(_session: number, _state: output));
absent!(C_SetOperationState(
    _session: number, _state: bytes(SavedStateInvalid), _encryption_key: number, _authentication_key: number
));

absent!(C_SignRecoverInit(_session: number, _mechanism: optional_mechanism, _key: number));
absent!(C_SignRecover(_session: number, _data: bytes(DataLenRange), _signature: output));
absent!(C_VerifyRecoverInit(_session: number, _mechanism: optional_mechanism, _key: number));
absent!(C_VerifyRecover(_session: number, _signature: bytes(SignatureLenRange), _data: output));

absent!(C_DigestEncryptUpdate(_session: number, _part: bytes(DataLenRange), _encrypted: output));
absent!(C_DecryptDigestUpdate(_session: number, _encrypted: bytes(EncryptedDataLenRange), _part: output));
absent!(C_SignEncryptUpdate(_session: number, _part: bytes(DataLenRange), _encrypted: output));
absent!(C_DecryptVerifyUpdate(_session: number, _encrypted: bytes(EncryptedDataLenRange), _part: output));

absent!(C_MessageEncryptInit(_session: number, _mechanism: optional_mechanism, _key: number));
absent!(C_EncryptMessage(
    _session: number, _parameter: parameter, _associated: bytes(DataLenRange), _data: bytes(DataLenRange), _encrypted: output
));
absent!(C_EncryptMessageBegin(_session: number, _parameter: parameter, _associated: bytes(DataLenRange)));
absent!(C_EncryptMessageNext(
    _session: number, _parameter: parameter, _part: bytes(DataLenRange), _encrypted: output, _flags: number
));
absent!(C_MessageEncryptFinal(_session: number));

absent!(C_MessageDecryptInit(_session: number, _mechanism: optional_mechanism, _key: number));
absent!(C_DecryptMessage(
    _session: number, _parameter: parameter, _associated: bytes(DataLenRange), _encrypted: bytes(EncryptedDataLenRange),
    _data: output
));
absent!(C_DecryptMessageBegin(_session: number, _parameter: parameter, _associated: bytes(DataLenRange)));
absent!(C_DecryptMessageNext(
    _session: number, _parameter: parameter, _encrypted: bytes(EncryptedDataLenRange), _part: output, _flags: number
));
absent!(C_MessageDecryptFinal(_session: number));

absent!(C_MessageSignInit(_session: number, _mechanism: optional_mechanism, _key: number));
absent!(C_SignMessage(_session: number, _parameter: parameter, _data: bytes(DataLenRange), _signature: output));
absent!(C_SignMessageBegin(_session: number, _parameter: parameter));
// The signature's place is NULL in all calls but the last.
absent!(C_SignMessageNext(
    _session: number, _parameter: parameter, _part: bytes(DataLenRange), _signature: pointer(CK_BYTE), _room: pointer(CK_ULONG)
));
absent!(C_MessageSignFinal(_session: number));

absent!(C_MessageVerifyInit(_session: number, _mechanism: optional_mechanism, _key: number));
absent!(C_VerifyMessage(
    _session: number, _parameter: parameter, _data: bytes(DataLenRange), _signature: bytes(SignatureLenRange)
));
absent!(C_VerifyMessageBegin(_session: number, _parameter: parameter));
absent!(C_VerifyMessageNext(
    _session: number, _parameter: parameter, _part: bytes(DataLenRange), _signature: bytes(SignatureLenRange)
));
absent!(C_MessageVerifyFinal(_session: number));

absent!(C_EncapsulateKey(
    _session: number, _mechanism: mechanism, _public_key: number, _template: template, _ciphertext: output, _key: handle
));
absent!(C_DecapsulateKey(
    _session: number, _mechanism: mechanism, _private_key: number, _template: template,
    _ciphertext: bytes(EncryptedDataLenRange), _key: handle
));
absent!(C_WrapKeyAuthenticated(
    _session: number, _mechanism: mechanism, _wrapping: number, _key: number, _associated: bytes(DataLenRange),
    _wrapped: output
));
absent!(C_UnwrapKeyAuthenticated(
    _session: number, _mechanism: mechanism, _unwrapping: number, _wrapped: bytes(WrappedKeyLenRange), _template: template,
    _associated: bytes(DataLenRange), _key: handle
));

absent!(C_VerifySignatureInit(
    _session: number, _mechanism: optional_mechanism, _key: number, _signature: bytes(SignatureLenRange)
));
absent!(C_VerifySignature(_session: number, _data: bytes(DataLenRange)));
absent!(C_VerifySignatureUpdate(_session: number, _part: bytes(DataLenRange)));
absent!(C_VerifySignatureFinal(_session: number));

absent!(C_AsyncComplete(_session: number, _function: pointer(CK_UTF8CHAR), _result: place(CK_ASYNC_DATA)));
absent!(C_AsyncGetID(_session: number, _function: pointer(CK_UTF8CHAR), _id: handle));
absent!(C_AsyncJoin(_session: number, _function: pointer(CK_UTF8CHAR), _id: number, _data: bytes(ArgumentsBad)));
