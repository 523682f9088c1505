//! Every outcome that a call can have: its name, its `CK_RV`, its sentence. The only place that knows them.
//!
//! A refusal is a [`Code`]; where more can be said than the code says, it carries a text:
//! `Err(Code::TemplateInconsistent.because("CKA_MODULUS_BITS is 1000, and must be a multiple of 8"))`.
//! The text reaches the log and the application's last-error call. It must never hold a secret,
//! and never more about a failed decryption than the code itself tells.

use std::borrow::Cow;
use std::fmt;

/// What every fallible function of the token returns.
pub type Result<T> = std::result::Result<T, Error>;

macro_rules! errors {
    ($($name:ident = $number:literal $ck:ident $sentence:literal,)*) => {
        /// A return code of PKCS#11 3.2 (section 5.1), other than `CKR_OK`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u64)]
        #[allow(missing_docs)] // the table holds a sentence for each
        pub enum Code { $($name = $number,)* }

        impl Code {
            /// All codes, in the order of their numbers.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// The code with this number, if there is one.
            pub fn from_rv(rv: u64) -> Option<Code> {
                match rv { $($number => Some(Code::$name),)* _ => None }
            }

            /// The name in the standard, `CKR_…`.
            pub fn name(self) -> &'static str {
                match self { $(Code::$name => stringify!($ck),)* }
            }

            /// What it means, in words.
            pub fn sentence(self) -> &'static str {
                match self { $(Code::$name => $sentence,)* }
            }
        }
    };
}

errors! {
    Cancel = 0x001 CKR_CANCEL "the operation was cancelled by its caller",
    HostMemory = 0x002 CKR_HOST_MEMORY "there is not enough memory for this",
    SlotIdInvalid = 0x003 CKR_SLOT_ID_INVALID "no slot has this number",
    GeneralError = 0x005 CKR_GENERAL_ERROR "an internal fault; the log of the vault says more",
    FunctionFailed = 0x006 CKR_FUNCTION_FAILED "the function could not be carried out",
    ArgumentsBad = 0x007 CKR_ARGUMENTS_BAD "an argument is not usable (a NULL pointer where one is due, or a forbidden combination)",
    NoEvent = 0x008 CKR_NO_EVENT "no slot event has occurred",
    NeedToCreateThreads = 0x009 CKR_NEED_TO_CREATE_THREADS "the library would have to create threads",
    CantLock = 0x00a CKR_CANT_LOCK "the kind of locking that was asked for is not available",
    AttributeReadOnly = 0x010 CKR_ATTRIBUTE_READ_ONLY "this attribute cannot be set or changed here",
    AttributeSensitive = 0x011 CKR_ATTRIBUTE_SENSITIVE "the attribute is sensitive and never leaves the token",
    AttributeTypeInvalid = 0x012 CKR_ATTRIBUTE_TYPE_INVALID "the object cannot have such an attribute",
    AttributeValueInvalid = 0x013 CKR_ATTRIBUTE_VALUE_INVALID "the value is not legal for this attribute",
    ActionProhibited = 0x01b CKR_ACTION_PROHIBITED "a policy of the object or the token forbids this",
    DataInvalid = 0x020 CKR_DATA_INVALID "the input data is not valid for this mechanism",
    DataLenRange = 0x021 CKR_DATA_LEN_RANGE "the input data has a length that this mechanism cannot take",
    DeviceError = 0x030 CKR_DEVICE_ERROR "the vault cannot be reached or could not carry this out",
    DeviceMemory = 0x031 CKR_DEVICE_MEMORY "the token has no room for this",
    DeviceRemoved = 0x032 CKR_DEVICE_REMOVED "the token was removed",
    EncryptedDataInvalid = 0x040 CKR_ENCRYPTED_DATA_INVALID "the ciphertext is not valid",
    EncryptedDataLenRange = 0x041 CKR_ENCRYPTED_DATA_LEN_RANGE "the ciphertext has an impossible length",
    AeadDecryptFailed = 0x042 CKR_AEAD_DECRYPT_FAILED "the ciphertext or its additional data is not authentic",
    FunctionCanceled = 0x050 CKR_FUNCTION_CANCELED "the function was cancelled",
    FunctionNotParallel = 0x051 CKR_FUNCTION_NOT_PARALLEL "no function is running in parallel in this session",
    FunctionNotSupported = 0x054 CKR_FUNCTION_NOT_SUPPORTED "this function is not supported",
    KeyHandleInvalid = 0x060 CKR_KEY_HANDLE_INVALID "no usable key has this handle",
    KeySizeRange = 0x062 CKR_KEY_SIZE_RANGE "the size of the key is outside what the mechanism takes",
    KeyTypeInconsistent = 0x063 CKR_KEY_TYPE_INCONSISTENT "the mechanism does not work with a key of this type",
    KeyNotNeeded = 0x064 CKR_KEY_NOT_NEEDED "a key was given where none is needed",
    KeyChanged = 0x065 CKR_KEY_CHANGED "the key is not the one that was used before",
    KeyNeeded = 0x066 CKR_KEY_NEEDED "a key is needed and none was given",
    KeyIndigestible = 0x067 CKR_KEY_INDIGESTIBLE "the value of this key cannot be digested",
    KeyFunctionNotPermitted = 0x068 CKR_KEY_FUNCTION_NOT_PERMITTED "the attributes of the key do not permit this use",
    KeyNotWrappable = 0x069 CKR_KEY_NOT_WRAPPABLE "this key cannot be wrapped in this way",
    KeyUnextractable = 0x06a CKR_KEY_UNEXTRACTABLE "this key never leaves the token",
    MechanismInvalid = 0x070 CKR_MECHANISM_INVALID "this mechanism does not exist here or does not do this",
    MechanismParamInvalid = 0x071 CKR_MECHANISM_PARAM_INVALID "the parameter of the mechanism is not valid",
    ObjectHandleInvalid = 0x082 CKR_OBJECT_HANDLE_INVALID "no object has this handle",
    OperationActive = 0x090 CKR_OPERATION_ACTIVE "another operation is still active in this session",
    OperationNotInitialized = 0x091 CKR_OPERATION_NOT_INITIALIZED "no such operation is active in this session",
    PinIncorrect = 0x0a0 CKR_PIN_INCORRECT "the PIN is not correct",
    PinInvalid = 0x0a1 CKR_PIN_INVALID "the PIN has characters that it may not have",
    PinLenRange = 0x0a2 CKR_PIN_LEN_RANGE "the PIN is too short or too long",
    PinExpired = 0x0a3 CKR_PIN_EXPIRED "the PIN has expired and must be changed",
    PinLocked = 0x0a4 CKR_PIN_LOCKED "the PIN is locked after too many failures",
    SessionClosed = 0x0b0 CKR_SESSION_CLOSED "the session was closed while it was used",
    SessionCount = 0x0b1 CKR_SESSION_COUNT "too many sessions are open",
    SessionHandleInvalid = 0x0b3 CKR_SESSION_HANDLE_INVALID "no session has this handle",
    SessionParallelNotSupported = 0x0b4 CKR_SESSION_PARALLEL_NOT_SUPPORTED "CKF_SERIAL_SESSION must be set",
    SessionReadOnly = 0x0b5 CKR_SESSION_READ_ONLY "the session is read-only",
    SessionExists = 0x0b6 CKR_SESSION_EXISTS "a session is open with this token",
    SessionReadOnlyExists = 0x0b7 CKR_SESSION_READ_ONLY_EXISTS "a read-only session is open, so the SO cannot log in",
    SessionReadWriteSoExists = 0x0b8 CKR_SESSION_READ_WRITE_SO_EXISTS "the SO is logged in, so no read-only session can be opened",
    SignatureInvalid = 0x0c0 CKR_SIGNATURE_INVALID "the signature is not valid",
    SignatureLenRange = 0x0c1 CKR_SIGNATURE_LEN_RANGE "the signature has an impossible length",
    TemplateIncomplete = 0x0d0 CKR_TEMPLATE_INCOMPLETE "the template lacks an attribute that is needed",
    TemplateInconsistent = 0x0d1 CKR_TEMPLATE_INCONSISTENT "attributes of the template contradict each other",
    TokenNotPresent = 0x0e0 CKR_TOKEN_NOT_PRESENT "there is no token in this slot",
    TokenNotRecognized = 0x0e1 CKR_TOKEN_NOT_RECOGNIZED "the token in this slot is not readable",
    TokenWriteProtected = 0x0e2 CKR_TOKEN_WRITE_PROTECTED "the token is write-protected",
    UnwrappingKeyHandleInvalid = 0x0f0 CKR_UNWRAPPING_KEY_HANDLE_INVALID "no usable unwrapping key has this handle",
    UnwrappingKeySizeRange = 0x0f1 CKR_UNWRAPPING_KEY_SIZE_RANGE "the size of the unwrapping key is outside what the mechanism takes",
    UnwrappingKeyTypeInconsistent = 0x0f2 CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT "the mechanism does not unwrap with a key of this type",
    UserAlreadyLoggedIn = 0x100 CKR_USER_ALREADY_LOGGED_IN "this user is already logged in",
    UserNotLoggedIn = 0x101 CKR_USER_NOT_LOGGED_IN "the right user is not logged in",
    UserPinNotInitialized = 0x102 CKR_USER_PIN_NOT_INITIALIZED "the PIN of this user has not been set yet",
    UserTypeInvalid = 0x103 CKR_USER_TYPE_INVALID "there is no such type of user",
    UserAnotherAlreadyLoggedIn = 0x104 CKR_USER_ANOTHER_ALREADY_LOGGED_IN "another user is logged in",
    UserTooManyTypes = 0x105 CKR_USER_TOO_MANY_TYPES "too many different users are logged in",
    WrappedKeyInvalid = 0x110 CKR_WRAPPED_KEY_INVALID "the wrapped key is not valid",
    WrappedKeyLenRange = 0x112 CKR_WRAPPED_KEY_LEN_RANGE "the wrapped key has an impossible length",
    WrappingKeyHandleInvalid = 0x113 CKR_WRAPPING_KEY_HANDLE_INVALID "no usable wrapping key has this handle",
    WrappingKeySizeRange = 0x114 CKR_WRAPPING_KEY_SIZE_RANGE "the size of the wrapping key is outside what the mechanism takes",
    WrappingKeyTypeInconsistent = 0x115 CKR_WRAPPING_KEY_TYPE_INCONSISTENT "the mechanism does not wrap with a key of this type",
    RandomSeedNotSupported = 0x120 CKR_RANDOM_SEED_NOT_SUPPORTED "the random generator takes no seed",
    RandomNoRng = 0x121 CKR_RANDOM_NO_RNG "there is no random generator",
    DomainParamsInvalid = 0x130 CKR_DOMAIN_PARAMS_INVALID "the domain parameters are not valid or not supported",
    CurveNotSupported = 0x140 CKR_CURVE_NOT_SUPPORTED "this curve is not supported",
    BufferTooSmall = 0x150 CKR_BUFFER_TOO_SMALL "the output buffer is too small",
    SavedStateInvalid = 0x160 CKR_SAVED_STATE_INVALID "the saved state is not valid",
    InformationSensitive = 0x170 CKR_INFORMATION_SENSITIVE "the information is sensitive",
    StateUnsaveable = 0x180 CKR_STATE_UNSAVEABLE "the state of the operation cannot be saved",
    CryptokiNotInitialized = 0x190 CKR_CRYPTOKI_NOT_INITIALIZED "C_Initialize has not been called in this process",
    CryptokiAlreadyInitialized = 0x191 CKR_CRYPTOKI_ALREADY_INITIALIZED "C_Initialize was already called in this process",
    MutexBad = 0x1a0 CKR_MUTEX_BAD "the mutex is not usable",
    MutexNotLocked = 0x1a1 CKR_MUTEX_NOT_LOCKED "the mutex is not locked",
    NewPinMode = 0x1b0 CKR_NEW_PIN_MODE "a new PIN is due",
    NextOtp = 0x1b1 CKR_NEXT_OTP "the next one-time password is due",
    ExceededMaxIterations = 0x1b5 CKR_EXCEEDED_MAX_ITERATIONS "the algorithm did not finish within its bound",
    FipsSelfTestFailed = 0x1b6 CKR_FIPS_SELF_TEST_FAILED "a self-test of the cryptography failed",
    LibraryLoadFailed = 0x1b7 CKR_LIBRARY_LOAD_FAILED "a library that is needed could not be loaded",
    PinTooWeak = 0x1b8 CKR_PIN_TOO_WEAK "the PIN is too weak",
    PublicKeyInvalid = 0x1b9 CKR_PUBLIC_KEY_INVALID "the public key is not valid",
    FunctionRejected = 0x200 CKR_FUNCTION_REJECTED "the request was rejected",
    TokenResourceExceeded = 0x201 CKR_TOKEN_RESOURCE_EXCEEDED "the token has reached a limit of its own",
    OperationCancelFailed = 0x202 CKR_OPERATION_CANCEL_FAILED "the operation could not be cancelled",
    KeyExhausted = 0x203 CKR_KEY_EXHAUSTED "the key has no uses left",
    Pending = 0x204 CKR_PENDING "the operation goes on",
    SessionAsyncNotSupported = 0x205 CKR_SESSION_ASYNC_NOT_SUPPORTED "asynchronous sessions are not supported",
    SeedRandomRequired = 0x206 CKR_SEED_RANDOM_REQUIRED "the random generator must be seeded first",
    OperationNotValidated = 0x207 CKR_OPERATION_NOT_VALIDATED "the operation was not a validated one",
    TokenNotInitialized = 0x208 CKR_TOKEN_NOT_INITIALIZED "the token has not been initialised",
    ParameterSetNotSupported = 0x209 CKR_PARAMETER_SET_NOT_SUPPORTED "this parameter set is not supported",
}

/// The name of any return value, for logs: `CKR_OK`, `CKR_PIN_LOCKED`, or the number in hexadecimal.
pub fn rv_name(rv: u64) -> Cow<'static, str> {
    match (rv, Code::from_rv(rv)) {
        (0, _) => Cow::Borrowed("CKR_OK"),
        (_, Some(code)) => Cow::Borrowed(code.name()),
        (_, None) => Cow::Owned(format!("{rv:#x}")),
    }
}

impl Code {
    /// The number that crosses the C interface.
    pub const fn rv(self) -> u64 {
        self as u64
    }

    /// This code, and the reason why in words.
    pub fn because(self, why: impl Into<Cow<'static, str>>) -> Error {
        Error { code: self, why: why.into() }
    }
}

/// A refusal: its code, and (where there is more to say) why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    code: Code,
    why: Cow<'static, str>,
}

impl Error {
    /// The return code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The reason in words: the particular one, or what the code means.
    pub fn why(&self) -> &str {
        if self.why.is_empty() { self.code.sentence() } else { &self.why }
    }
}

impl From<Code> for Error {
    fn from(code: Code) -> Error {
        Error { code, why: Cow::Borrowed("") }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.why(), self.code.name())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_numbers_map_both_ways() {
        for &code in Code::ALL {
            assert_eq!(Code::from_rv(code.rv()), Some(code));
            assert!(!code.sentence().is_empty());
        }
        assert_eq!(Code::from_rv(0), None);
    }

    #[test]
    fn codes_are_sorted_by_number() {
        assert!(Code::ALL.windows(2).all(|pair| pair[0].rv() < pair[1].rv()));
    }
}
