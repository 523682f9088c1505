//! A thin wrapper over the C interface for tests: pointers in, return values out, nothing hidden.
//!
//! Every method hands back the `CK_RV` as it came (`Err(rv)` unless `CKR_OK`), so that tests can say which one they
//! expect. Works with any PKCS#11 module, so the same cases run on other tokens.

#![allow(unsafe_code, dead_code, unused_macros)]

use cryptoki_sys::*;
use std::ffi::c_void;
use std::path::Path;
use std::ptr::{null, null_mut};

pub type Rv<T> = Result<T, CK_RV>;

/// Turns a return value into a result.
pub fn rv(value: CK_RV) -> Rv<()> {
    if value == CKR_OK { Ok(()) } else { Err(value) }
}

/// Calls a function of the list by name and hands back its `CK_RV`.
macro_rules! p11 {
    ($module:expr, $name:ident($($argument:expr),* $(,)?)) => {{
        let function = $module.list.$name.expect(concat!(stringify!($name), " is in the function list"));
        #[allow(unused_unsafe)]
        // SAFETY: the arguments are those of a test, which keeps what they point to alive for the call.
        unsafe { function($($argument),*) }
    }};
}

/// The same for functions that only the 3.2 list has.
macro_rules! p11v3 {
    ($module:expr, $name:ident($($argument:expr),* $(,)?)) => {{
        let function = $module.list3.expect("a 3.2 interface").$name.expect(concat!(stringify!($name), " is in the function list"));
        #[allow(unused_unsafe)]
        // SAFETY: as in p11!
        unsafe { function($($argument),*) }
    }};
}

#[allow(unused_imports)] // not every test needs both
pub(crate) use {p11, p11v3};

/// A loaded module.
pub struct Module {
    _library: libloading::Library,
    pub list: CK_FUNCTION_LIST,
    pub list3: Option<CK_FUNCTION_LIST_3_2>,
}

// SAFETY: function pointers of a library that is never unloaded while the module lives.
unsafe impl Sync for Module {}
// SAFETY: as above.
unsafe impl Send for Module {}

impl Module {
    /// Loads a module; C_Initialize is the caller's.
    pub fn load(path: &Path) -> Module {
        // SAFETY: loading runs the library's constructors; a PKCS#11 module has none that matter.
        let library =
            unsafe { libloading::Library::new(path) }.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        // SAFETY: the symbol has the type that the standard gives it.
        let get: libloading::Symbol<unsafe extern "C" fn(*mut CK_FUNCTION_LIST_PTR) -> CK_RV> =
            unsafe { library.get(b"C_GetFunctionList\0") }.expect("C_GetFunctionList");
        let mut list: CK_FUNCTION_LIST_PTR = null_mut();
        // SAFETY: `list` receives a pointer to a static table.
        assert_eq!(unsafe { get(&mut list) }, CKR_OK);
        // SAFETY: the table lives as long as the library.
        let list = unsafe { *list };
        let list3 = Module::newest(&library);
        Module { _library: library, list, list3 }
    }

    fn newest(library: &libloading::Library) -> Option<CK_FUNCTION_LIST_3_2> {
        type Get = unsafe extern "C" fn(*mut CK_UTF8CHAR, *mut CK_VERSION, *mut *mut CK_INTERFACE, CK_FLAGS) -> CK_RV;
        // SAFETY: the symbol has the type that the standard gives it.
        let get: libloading::Symbol<Get> = unsafe { library.get(b"C_GetInterface\0") }.ok()?;
        let mut interface = null_mut();
        let mut version = CK_VERSION { major: 3, minor: 2 };
        // SAFETY: the out pointer is a local; the name is a C string.
        let got = unsafe { get(c"PKCS 11".as_ptr().cast_mut().cast(), &mut version, &mut interface, 0) };
        if got != CKR_OK {
            return None;
        }
        // SAFETY: an interface of version 3.2 carries a 3.2 list.
        Some(unsafe { *(*interface).pFunctionList.cast::<CK_FUNCTION_LIST_3_2>() })
    }

    pub fn initialize(&self) -> Rv<()> {
        let mut arguments = CK_C_INITIALIZE_ARGS {
            CreateMutex: None,
            DestroyMutex: None,
            LockMutex: None,
            UnlockMutex: None,
            flags: CKF_OS_LOCKING_OK,
            pReserved: null_mut(),
        };
        rv(p11!(self, C_Initialize((&raw mut arguments).cast())))
    }

    pub fn finalize(&self) -> Rv<()> {
        rv(p11!(self, C_Finalize(null_mut())))
    }

    pub fn slots(&self, present: bool) -> Rv<Vec<CK_SLOT_ID>> {
        let mut count = 0;
        rv(p11!(self, C_GetSlotList(present.into(), null_mut(), &mut count)))?;
        let mut slots = vec![0; count as usize];
        rv(p11!(self, C_GetSlotList(present.into(), slots.as_mut_ptr(), &mut count)))?;
        slots.truncate(count as usize);
        Ok(slots)
    }

    pub fn token_info(&self, slot: CK_SLOT_ID) -> Rv<CK_TOKEN_INFO> {
        let mut info = CK_TOKEN_INFO::default();
        rv(p11!(self, C_GetTokenInfo(slot, &mut info)))?;
        Ok(info)
    }

    pub fn init_token(&self, slot: CK_SLOT_ID, pin: &[u8], label: &str) -> Rv<()> {
        let mut padded = [b' '; 32];
        padded[..label.len()].copy_from_slice(label.as_bytes());
        rv(p11!(self, C_InitToken(slot, at(pin), len(pin), padded.as_mut_ptr())))
    }

    pub fn open(&self, slot: CK_SLOT_ID, flags: CK_FLAGS) -> Rv<CK_SESSION_HANDLE> {
        let mut session = 0;
        rv(p11!(self, C_OpenSession(slot, flags, null_mut(), None, &mut session)))?;
        Ok(session)
    }

    pub fn open_rw(&self, slot: CK_SLOT_ID) -> Rv<CK_SESSION_HANDLE> {
        self.open(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION)
    }

    pub fn close(&self, session: CK_SESSION_HANDLE) -> Rv<()> {
        rv(p11!(self, C_CloseSession(session)))
    }

    pub fn login(&self, session: CK_SESSION_HANDLE, user: CK_USER_TYPE, pin: &[u8]) -> Rv<()> {
        rv(p11!(self, C_Login(session, user, at(pin), len(pin))))
    }

    pub fn logout(&self, session: CK_SESSION_HANDLE) -> Rv<()> {
        rv(p11!(self, C_Logout(session)))
    }

    pub fn init_pin(&self, session: CK_SESSION_HANDLE, pin: &[u8]) -> Rv<()> {
        rv(p11!(self, C_InitPIN(session, at(pin), len(pin))))
    }

    pub fn set_pin(&self, session: CK_SESSION_HANDLE, old: &[u8], new: &[u8]) -> Rv<()> {
        rv(p11!(self, C_SetPIN(session, at(old), len(old), at(new), len(new))))
    }

    pub fn create(&self, session: CK_SESSION_HANDLE, template: &Attrs) -> Rv<CK_OBJECT_HANDLE> {
        let (mut raw, mut object) = (template.raw(), 0);
        rv(p11!(self, C_CreateObject(session, raw.as_mut_ptr(), raw.len() as CK_ULONG, &mut object)))?;
        Ok(object)
    }

    pub fn copy(&self, session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE, template: &Attrs) -> Rv<CK_OBJECT_HANDLE> {
        let (mut raw, mut copy) = (template.raw(), 0);
        rv(p11!(self, C_CopyObject(session, object, raw.as_mut_ptr(), raw.len() as CK_ULONG, &mut copy)))?;
        Ok(copy)
    }

    pub fn destroy(&self, session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE) -> Rv<()> {
        rv(p11!(self, C_DestroyObject(session, object)))
    }

    pub fn set(&self, session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE, template: &Attrs) -> Rv<()> {
        let mut raw = template.raw();
        rv(p11!(self, C_SetAttributeValue(session, object, raw.as_mut_ptr(), raw.len() as CK_ULONG)))
    }

    /// The value of one attribute.
    pub fn get(&self, session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE, kind: CK_ATTRIBUTE_TYPE) -> Rv<Vec<u8>> {
        let mut attribute = CK_ATTRIBUTE { type_: kind, pValue: null_mut(), ulValueLen: 0 };
        rv(p11!(self, C_GetAttributeValue(session, object, &mut attribute, 1)))?;
        let mut value = vec![0u8; attribute.ulValueLen as usize];
        attribute.pValue = value.as_mut_ptr().cast();
        rv(p11!(self, C_GetAttributeValue(session, object, &mut attribute, 1)))?;
        value.truncate(attribute.ulValueLen as usize);
        Ok(value)
    }

    pub fn flag(&self, session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE, kind: CK_ATTRIBUTE_TYPE) -> bool {
        self.get(session, object, kind).unwrap_or_else(|rv| panic!("attribute {kind:#x}: {rv:#x}")) == [1]
    }

    pub fn find(&self, session: CK_SESSION_HANDLE, template: &Attrs) -> Rv<Vec<CK_OBJECT_HANDLE>> {
        let mut raw = template.raw();
        rv(p11!(self, C_FindObjectsInit(session, raw.as_mut_ptr(), raw.len() as CK_ULONG)))?;
        let mut found = Vec::new();
        loop {
            let (mut some, mut count) = ([0; 7], 0);
            rv(p11!(self, C_FindObjects(session, some.as_mut_ptr(), some.len() as CK_ULONG, &mut count)))?;
            if count == 0 {
                break;
            }
            found.extend_from_slice(&some[..count as usize]);
        }
        rv(p11!(self, C_FindObjectsFinal(session)))?;
        Ok(found)
    }

    pub fn generate(&self, session: CK_SESSION_HANDLE, mechanism: &Mech, template: &Attrs) -> Rv<CK_OBJECT_HANDLE> {
        let (mut raw, mut key, mut mechanism) = (template.raw(), 0, mechanism.raw());
        rv(p11!(self, C_GenerateKey(session, &mut mechanism, raw.as_mut_ptr(), raw.len() as CK_ULONG, &mut key)))?;
        Ok(key)
    }

    pub fn generate_pair(
        &self,
        session: CK_SESSION_HANDLE,
        mechanism: &Mech,
        public: &Attrs,
        private: &Attrs,
    ) -> Rv<(CK_OBJECT_HANDLE, CK_OBJECT_HANDLE)> {
        let (mut public, mut private, mut mechanism) = (public.raw(), private.raw(), mechanism.raw());
        let (mut first, mut second) = (0, 0);
        rv(p11!(
            self,
            C_GenerateKeyPair(
                session,
                &mut mechanism,
                public.as_mut_ptr(),
                public.len() as CK_ULONG,
                private.as_mut_ptr(),
                private.len() as CK_ULONG,
                &mut first,
                &mut second
            )
        ))?;
        Ok((first, second))
    }

    pub fn sign_init(&self, session: CK_SESSION_HANDLE, mechanism: &Mech, key: CK_OBJECT_HANDLE) -> Rv<()> {
        rv(p11!(self, C_SignInit(session, &mut mechanism.raw(), key)))
    }

    pub fn sign(
        &self,
        session: CK_SESSION_HANDLE,
        mechanism: &Mech,
        key: CK_OBJECT_HANDLE,
        data: &[u8],
    ) -> Rv<Vec<u8>> {
        self.sign_init(session, mechanism, key)?;
        yielded(|out, length| p11!(self, C_Sign(session, at(data), len(data), out, length)))
    }

    pub fn verify(
        &self,
        session: CK_SESSION_HANDLE,
        mechanism: &Mech,
        key: CK_OBJECT_HANDLE,
        data: &[u8],
        signature: &[u8],
    ) -> Rv<()> {
        rv(p11!(self, C_VerifyInit(session, &mut mechanism.raw(), key)))?;
        rv(p11!(self, C_Verify(session, at(data), len(data), at(signature), len(signature))))
    }

    pub fn encrypt(
        &self,
        session: CK_SESSION_HANDLE,
        mechanism: &Mech,
        key: CK_OBJECT_HANDLE,
        data: &[u8],
    ) -> Rv<Vec<u8>> {
        rv(p11!(self, C_EncryptInit(session, &mut mechanism.raw(), key)))?;
        yielded(|out, length| p11!(self, C_Encrypt(session, at(data), len(data), out, length)))
    }

    pub fn decrypt(
        &self,
        session: CK_SESSION_HANDLE,
        mechanism: &Mech,
        key: CK_OBJECT_HANDLE,
        data: &[u8],
    ) -> Rv<Vec<u8>> {
        rv(p11!(self, C_DecryptInit(session, &mut mechanism.raw(), key)))?;
        yielded(|out, length| p11!(self, C_Decrypt(session, at(data), len(data), out, length)))
    }

    pub fn digest(&self, session: CK_SESSION_HANDLE, mechanism: &Mech, data: &[u8]) -> Rv<Vec<u8>> {
        rv(p11!(self, C_DigestInit(session, &mut mechanism.raw())))?;
        yielded(|out, length| p11!(self, C_Digest(session, at(data), len(data), out, length)))
    }

    pub fn wrap(
        &self,
        session: CK_SESSION_HANDLE,
        mechanism: &Mech,
        wrapping: CK_OBJECT_HANDLE,
        key: CK_OBJECT_HANDLE,
    ) -> Rv<Vec<u8>> {
        let mut mechanism = mechanism.raw();
        yielded(|out, length| p11!(self, C_WrapKey(session, &mut mechanism, wrapping, key, out, length)))
    }

    pub fn unwrap(
        &self,
        session: CK_SESSION_HANDLE,
        mechanism: &Mech,
        unwrapping: CK_OBJECT_HANDLE,
        wrapped: &[u8],
        template: &Attrs,
    ) -> Rv<CK_OBJECT_HANDLE> {
        let (mut raw, mut key, mut mechanism) = (template.raw(), 0, mechanism.raw());
        rv(p11!(
            self,
            C_UnwrapKey(
                session,
                &mut mechanism,
                unwrapping,
                at(wrapped),
                len(wrapped),
                raw.as_mut_ptr(),
                raw.len() as CK_ULONG,
                &mut key
            )
        ))?;
        Ok(key)
    }

    pub fn derive(
        &self,
        session: CK_SESSION_HANDLE,
        mechanism: &Mech,
        base: CK_OBJECT_HANDLE,
        template: &Attrs,
    ) -> Rv<CK_OBJECT_HANDLE> {
        let (mut raw, mut key, mut mechanism) = (template.raw(), 0, mechanism.raw());
        rv(p11!(self, C_DeriveKey(session, &mut mechanism, base, raw.as_mut_ptr(), raw.len() as CK_ULONG, &mut key)))?;
        Ok(key)
    }

    pub fn random(&self, session: CK_SESSION_HANDLE, length: usize) -> Rv<Vec<u8>> {
        let mut bytes = vec![0; length];
        rv(p11!(self, C_GenerateRandom(session, bytes.as_mut_ptr(), length as CK_ULONG)))?;
        Ok(bytes)
    }
}

/// Asks for the length, then for the bytes, as most clients do.
pub fn yielded(mut call: impl FnMut(*mut CK_BYTE, *mut CK_ULONG) -> CK_RV) -> Rv<Vec<u8>> {
    let mut length = 0;
    rv(call(null_mut(), &mut length))?;
    let mut bytes = vec![0u8; length as usize];
    let pointer = if bytes.is_empty() { std::ptr::NonNull::dangling().as_ptr() } else { bytes.as_mut_ptr() };
    rv(call(pointer, &mut length))?;
    bytes.truncate(length as usize);
    Ok(bytes)
}

pub fn at(bytes: &[u8]) -> *mut CK_BYTE {
    if bytes.is_empty() { null_mut() } else { bytes.as_ptr().cast_mut() }
}

pub fn len(bytes: &[u8]) -> CK_ULONG {
    bytes.len() as CK_ULONG
}

/// A template in the making.
#[derive(Default)]
pub struct Attrs(Vec<(CK_ATTRIBUTE_TYPE, Vec<u8>)>, Vec<(CK_ATTRIBUTE_TYPE, Attrs, Vec<CK_ATTRIBUTE>)>);

// SAFETY: the raw attributes of nested templates point into the template's own memory.
unsafe impl Send for Attrs {}

impl Clone for Attrs {
    /// The nested templates of the copy point into the copy.
    fn clone(&self) -> Attrs {
        let nested = self.1.iter().map(|(kind, template, _)| (*kind, template.clone()));
        nested.fold(Attrs(self.0.clone(), Vec::new()), |copy, (kind, template)| copy.nested(kind, template))
    }
}

impl Attrs {
    pub fn new() -> Attrs {
        Attrs::default()
    }
    pub fn flag(self, kind: CK_ATTRIBUTE_TYPE, value: bool) -> Attrs {
        self.bytes(kind, &[u8::from(value)])
    }
    pub fn number(self, kind: CK_ATTRIBUTE_TYPE, value: CK_ULONG) -> Attrs {
        self.bytes(kind, &value.to_ne_bytes())
    }
    pub fn text(self, kind: CK_ATTRIBUTE_TYPE, value: &str) -> Attrs {
        self.bytes(kind, value.as_bytes())
    }
    pub fn bytes(mut self, kind: CK_ATTRIBUTE_TYPE, value: &[u8]) -> Attrs {
        self.0.push((kind, value.to_vec()));
        self
    }
    pub fn class(self, class: CK_OBJECT_CLASS) -> Attrs {
        self.number(CKA_CLASS, class)
    }
    pub fn key_type(self, key_type: CK_KEY_TYPE) -> Attrs {
        self.number(CKA_KEY_TYPE, key_type)
    }
    pub fn nested(mut self, kind: CK_ATTRIBUTE_TYPE, template: Attrs) -> Attrs {
        let raw = template.raw();
        self.1.push((kind, template, raw));
        self
    }
    pub fn without(mut self, kind: CK_ATTRIBUTE_TYPE) -> Attrs {
        self.0.retain(|(of, _)| *of != kind);
        self
    }
    pub fn and(mut self, more: &Attrs) -> Attrs {
        self.0.extend(more.0.iter().cloned());
        self
    }
    /// The C form; valid while the template lives.
    pub fn raw(&self) -> Vec<CK_ATTRIBUTE> {
        let plain = self.0.iter().map(|(kind, value)| CK_ATTRIBUTE {
            type_: *kind,
            pValue: if value.is_empty() { null_mut() } else { value.as_ptr().cast_mut().cast() },
            ulValueLen: value.len() as CK_ULONG,
        });
        let nested = self.1.iter().map(|(kind, _, raw)| CK_ATTRIBUTE {
            type_: *kind,
            pValue: raw.as_ptr().cast_mut().cast(),
            ulValueLen: std::mem::size_of_val(raw.as_slice()) as CK_ULONG,
        });
        plain.chain(nested).collect()
    }
}

/// A mechanism and its parameter, with whatever the parameter points to.
pub struct Mech {
    id: CK_MECHANISM_TYPE,
    parameter: Vec<u8>,
    held: Vec<Box<[u8]>>,
}

impl Mech {
    /// Without a parameter.
    pub fn new(id: CK_MECHANISM_TYPE) -> Mech {
        Mech { id, parameter: Vec::new(), held: Vec::new() }
    }
    /// With plain bytes: an IV.
    pub fn iv(id: CK_MECHANISM_TYPE, iv: &[u8]) -> Mech {
        Mech { id, parameter: iv.to_vec(), held: Vec::new() }
    }
    /// With a structure.
    pub fn of<T: Copy>(id: CK_MECHANISM_TYPE, parameter: T, held: Vec<Box<[u8]>>) -> Mech {
        // SAFETY: the parameter structures of the standard are plain C data.
        let bytes =
            unsafe { std::slice::from_raw_parts((&raw const parameter).cast::<u8>(), std::mem::size_of::<T>()) };
        Mech { id, parameter: bytes.to_vec(), held }
    }
    pub fn number(id: CK_MECHANISM_TYPE, number: CK_ULONG) -> Mech {
        Mech::of(id, number, Vec::new())
    }
    pub fn gcm(iv: &[u8], aad: &[u8], tag_bits: CK_ULONG) -> Mech {
        let (iv, aad): (Box<[u8]>, Box<[u8]>) = (iv.into(), aad.into());
        let parameter = CK_GCM_PARAMS {
            pIv: at(&iv),
            ulIvLen: len(&iv),
            ulIvBits: 8 * len(&iv),
            pAAD: at(&aad),
            ulAADLen: len(&aad),
            ulTagBits: tag_bits,
        };
        Mech::of(CKM_AES_GCM, parameter, vec![iv, aad])
    }
    pub fn ctr(bits: CK_ULONG, block: [u8; 16]) -> Mech {
        Mech::of(CKM_AES_CTR, CK_AES_CTR_PARAMS { ulCounterBits: bits, cb: block }, Vec::new())
    }
    pub fn pss(id: CK_MECHANISM_TYPE, hash: CK_MECHANISM_TYPE, mgf: CK_RSA_PKCS_MGF_TYPE, salt: CK_ULONG) -> Mech {
        Mech::of(id, CK_RSA_PKCS_PSS_PARAMS { hashAlg: hash, mgf, sLen: salt }, Vec::new())
    }
    pub fn oaep(hash: CK_MECHANISM_TYPE, mgf: CK_RSA_PKCS_MGF_TYPE, label: &[u8]) -> Mech {
        let label: Box<[u8]> = label.into();
        let parameter = CK_RSA_PKCS_OAEP_PARAMS {
            hashAlg: hash,
            mgf,
            source: CKZ_DATA_SPECIFIED,
            pSourceData: at(&label).cast::<c_void>(),
            ulSourceDataLen: len(&label),
        };
        Mech::of(CKM_RSA_PKCS_OAEP, parameter, vec![label])
    }
    pub fn ecdh(kdf: CK_EC_KDF_TYPE, shared: &[u8], public: &[u8]) -> Mech {
        let (shared, public): (Box<[u8]>, Box<[u8]>) = (shared.into(), public.into());
        let parameter = CK_ECDH1_DERIVE_PARAMS {
            kdf,
            ulSharedDataLen: len(&shared),
            pSharedData: at(&shared),
            ulPublicDataLen: len(&public),
            pPublicData: at(&public),
        };
        Mech::of(CKM_ECDH1_DERIVE, parameter, vec![shared, public])
    }
    /// RSA_AES_KEY_WRAP; the OAEP parameters must outlive the mechanism.
    pub fn rsa_aes(aes_bits: CK_ULONG, oaep: &CK_RSA_PKCS_OAEP_PARAMS) -> Mech {
        let parameter =
            CK_RSA_AES_KEY_WRAP_PARAMS { ulAESKeyBits: aes_bits, pOAEPParams: std::ptr::from_ref(oaep).cast_mut() };
        Mech::of(CKM_RSA_AES_KEY_WRAP, parameter, Vec::new())
    }
    /// The C form; valid while the mechanism lives.
    pub fn raw(&self) -> CK_MECHANISM {
        CK_MECHANISM {
            mechanism: self.id,
            pParameter: if self.parameter.is_empty() {
                null::<u8>().cast_mut().cast()
            } else {
                self.parameter.as_ptr().cast_mut().cast()
            },
            ulParameterLen: len(&self.parameter),
        }
    }
}
