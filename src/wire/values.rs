//! The values of the calls: what the C structures say, without pointers.

use crate::error::{Code, Result};
use crate::wire::codec::{Reader, Wire, Writer, put_list, take_list, wire_struct};
use zeroize::Zeroizing;

/// The value of an attribute as the caller gave it or shall get it.
#[derive(Clone, PartialEq, Eq)]
pub enum Raw {
    /// What `pValue` points to. Booleans are one byte, numbers eight bytes little-endian
    /// (the machine's `CK_ULONG`), `CKA_ALLOWED_MECHANISMS` a row of such numbers.
    Bytes(Zeroizing<Vec<u8>>),
    /// An array attribute (`CKA_WRAP_TEMPLATE` and its kin): a template of its own.
    Template(Template),
}

/// One attribute of a template.
#[derive(Clone, PartialEq, Eq)]
pub struct Attribute {
    /// `CKA_…`
    pub kind: u64,
    /// Its value, not yet checked.
    pub value: Raw,
}

/// The attributes that a caller gave, in the caller's order, not yet checked.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Template(pub Vec<Attribute>);

/// How deep a template may hold templates.
const DEPTH: usize = 4;

impl<'a> Wire<'a> for Raw {
    fn put(&self, to: &mut Writer) {
        match self {
            Raw::Bytes(bytes) => {
                0u8.put(to);
                bytes.put(to);
            }
            Raw::Template(template) => {
                1u8.put(to);
                template.put(to);
            }
        }
    }
    fn take(from: &mut Reader<'a>) -> Result<Raw> {
        take_raw(from, DEPTH)
    }
}

fn take_raw(from: &mut Reader<'_>, depth: usize) -> Result<Raw> {
    match u8::take(from)? {
        0 => Ok(Raw::Bytes(Wire::take(from)?)),
        1 if depth > 0 => Ok(Raw::Template(take_template(from, depth - 1)?)),
        _ => Err(Code::DeviceError.because("an attribute on the wire is malformed or nested too deep")),
    }
}

fn take_template(from: &mut Reader<'_>, depth: usize) -> Result<Template> {
    let count = u64::take(from)?;
    if count > from.remaining() as u64 {
        return Err(Code::DeviceError.because("a template on the wire is longer than its frame"));
    }
    let mut attributes = Vec::new();
    for _ in 0..count {
        attributes.push(Attribute { kind: u64::take(from)?, value: take_raw(from, depth)? });
    }
    Ok(Template(attributes))
}

impl<'a> Wire<'a> for Template {
    fn put(&self, to: &mut Writer) {
        (self.0.len() as u64).put(to);
        for attribute in &self.0 {
            attribute.kind.put(to);
            attribute.value.put(to);
        }
    }
    fn take(from: &mut Reader<'a>) -> Result<Template> {
        take_template(from, DEPTH)
    }
}

/// What C_GetAttributeValue may tell of one attribute.
#[derive(Clone, PartialEq, Eq)]
pub enum Shown {
    /// The value.
    Value(Raw),
    /// It is sensitive or the key unextractable: `CKR_ATTRIBUTE_SENSITIVE`.
    Sensitive,
    /// The object has no such attribute: `CKR_ATTRIBUTE_TYPE_INVALID`.
    Unknown,
}

impl<'a> Wire<'a> for Shown {
    fn put(&self, to: &mut Writer) {
        match self {
            Shown::Value(value) => {
                0u8.put(to);
                value.put(to);
            }
            Shown::Sensitive => 1u8.put(to),
            Shown::Unknown => 2u8.put(to),
        }
    }
    fn take(from: &mut Reader<'a>) -> Result<Shown> {
        match u8::take(from)? {
            0 => Ok(Shown::Value(Wire::take(from)?)),
            1 => Ok(Shown::Sensitive),
            2 => Ok(Shown::Unknown),
            _ => Err(Code::DeviceError.into()),
        }
    }
}

impl<'a> Wire<'a> for Vec<Shown> {
    fn put(&self, to: &mut Writer) {
        put_list(self, to);
    }
    fn take(from: &mut Reader<'a>) -> Result<Vec<Shown>> {
        take_list(from)
    }
}

/// One field of a mechanism's parameter, read out of the caller's structure as its [`Part`](crate::mechanism::Part) says.
#[derive(Clone, PartialEq, Eq)]
pub enum Field {
    /// A `CK_ULONG` (or an enumeration of that width), or a `CK_BYTE`/`CK_BBOOL` widened.
    Number(u64),
    /// A pointer and its length: the bytes. A NULL pointer with length zero is empty.
    Bytes(Zeroizing<Vec<u8>>),
    /// A pointer to a structure of its own; `None` where it was NULL.
    Fields(Option<Vec<Field>>),
    /// Another key that the parameter names.
    Key(Named),
}

/// A key that a parameter names by its handle. Mechanisms hand it back to the engine, which alone looks inside.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Named(u64);

impl Named {
    /// The key with a handle.
    pub fn new(handle: u64) -> Named {
        Named(handle)
    }

    /// The handle: for the engine, which knows what it stands for.
    pub fn handle(self) -> u64 {
        self.0
    }
}

impl<'a> Wire<'a> for Field {
    fn put(&self, to: &mut Writer) {
        match self {
            Field::Number(number) => {
                0u8.put(to);
                number.put(to);
            }
            Field::Bytes(bytes) => {
                1u8.put(to);
                bytes.put(to);
            }
            Field::Fields(fields) => {
                2u8.put(to);
                fields.is_some().put(to);
                if let Some(fields) = fields {
                    put_list(fields, to);
                }
            }
            Field::Key(named) => {
                3u8.put(to);
                named.0.put(to);
            }
        }
    }
    fn take(from: &mut Reader<'a>) -> Result<Field> {
        take_field(from, DEPTH)
    }
}

fn take_field(from: &mut Reader<'_>, depth: usize) -> Result<Field> {
    match u8::take(from)? {
        0 => Ok(Field::Number(u64::take(from)?)),
        1 => Ok(Field::Bytes(Wire::take(from)?)),
        2 if depth > 0 => {
            if !bool::take(from)? {
                return Ok(Field::Fields(None));
            }
            let count = u64::take(from)?;
            if count > from.remaining() as u64 {
                return Err(Code::DeviceError.into());
            }
            (0..count)
                .map(|_| take_field(from, depth - 1))
                .collect::<Result<_>>()
                .map(|fields| Field::Fields(Some(fields)))
        }
        3 => Ok(Field::Key(Named(u64::take(from)?))),
        _ => Err(Code::DeviceError.because("a mechanism parameter on the wire is malformed")),
    }
}

/// The parameter of a mechanism.
#[derive(Clone, PartialEq, Eq)]
pub enum Parameter {
    /// `pParameter` is NULL.
    None,
    /// The bytes at `pParameter`: an IV, or any parameter whose structure the module does not know.
    Bytes(Zeroizing<Vec<u8>>),
    /// The fields of the structure that the mechanism's [`Part`](crate::mechanism::Part)s describe.
    Fields(Vec<Field>),
}

impl<'a> Wire<'a> for Parameter {
    fn put(&self, to: &mut Writer) {
        match self {
            Parameter::None => 0u8.put(to),
            Parameter::Bytes(bytes) => {
                1u8.put(to);
                bytes.put(to);
            }
            Parameter::Fields(fields) => {
                2u8.put(to);
                put_list(fields, to);
            }
        }
    }
    fn take(from: &mut Reader<'a>) -> Result<Parameter> {
        match u8::take(from)? {
            0 => Ok(Parameter::None),
            1 => Ok(Parameter::Bytes(Wire::take(from)?)),
            2 => Ok(Parameter::Fields(take_list(from)?)),
            _ => Err(Code::DeviceError.into()),
        }
    }
}

/// `CK_MECHANISM` without pointers.
#[derive(Clone, PartialEq, Eq)]
pub struct MechanismCall {
    /// `CKM_…`
    pub id: u64,
    /// Its parameter.
    pub parameter: Parameter,
}
wire_struct!(MechanismCall { id, parameter });

/// The room of the caller's output buffer in bytes, or none where the caller only asks for the length (NULL).
pub type Room = Option<u64>;

/// What a call that yields bytes answers: section 5.2 of the standard, "conventions for functions
/// returning output in a variable-length buffer".
#[derive(Clone, PartialEq, Eq)]
pub enum Output {
    /// The caller asked for the length: here it is (an upper bound where the standard allows). The operation goes on.
    Length(u64),
    /// The caller's buffer is too small; this is the length it needs. The operation goes on.
    TooSmall(u64),
    /// The output. The operation went its step.
    Bytes(Zeroizing<Vec<u8>>),
}

impl<'a> Wire<'a> for Output {
    fn put(&self, to: &mut Writer) {
        match self {
            Output::Bytes(bytes) => {
                0u8.put(to);
                bytes.put(to);
            }
            Output::Length(length) => {
                1u8.put(to);
                length.put(to);
            }
            Output::TooSmall(length) => {
                2u8.put(to);
                length.put(to);
            }
        }
    }
    fn take(from: &mut Reader<'a>) -> Result<Output> {
        match u8::take(from)? {
            0 => Ok(Output::Bytes(Wire::take(from)?)),
            1 => Ok(Output::Length(u64::take(from)?)),
            2 => Ok(Output::TooSmall(u64::take(from)?)),
            _ => Err(Code::DeviceError.into()),
        }
    }
}

/// `CK_SLOT_INFO`: only what differs from slot to slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotInfo {
    /// What the slot is called; the C structure pads it to 64 bytes.
    pub description: String,
    /// `CKF_TOKEN_PRESENT` and its kin.
    pub flags: u64,
}
wire_struct!(SlotInfo { description, flags });

/// `CK_TOKEN_INFO`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenInfo {
    /// The label, without padding (at most 32 bytes of UTF-8; empty while uninitialised).
    pub label: String,
    /// The serial number: 16 characters; empty while uninitialised.
    pub serial: String,
    /// `CKF_TOKEN_INITIALIZED` and its kin, true to the state at this moment.
    pub flags: u64,
    /// Sessions of the asking application that are open with this token.
    pub sessions: u64,
    /// The read-write ones among them.
    pub rw_sessions: u64,
    /// Lengths of a PIN in bytes.
    pub min_pin: u64,
    /// See `min_pin`.
    pub max_pin: u64,
}
wire_struct!(TokenInfo { label, serial, flags, sessions, rw_sessions, min_pin, max_pin });

/// `CK_MECHANISM_INFO`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MechanismInfo {
    /// Smallest key, in the unit that the standard gives for the mechanism.
    pub min_key: u64,
    /// Largest key.
    pub max_key: u64,
    /// `CKF_SIGN` and its kin.
    pub flags: u64,
}
wire_struct!(MechanismInfo { min_key, max_key, flags });

/// `CK_SESSION_INFO`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// The slot that the session is open with.
    pub slot: u64,
    /// `CKS_…`
    pub state: u64,
    /// `CKF_RW_SESSION`, `CKF_SERIAL_SESSION`.
    pub flags: u64,
}
wire_struct!(SessionInfo { slot, state, flags });

/// How a vault and its store are: what `strongroom doctor` and `token list` ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The vault's own version.
    pub version: String,
    /// Its process.
    pub pid: u64,
    /// The home that it serves.
    pub home: String,
    /// Whether changes are refused because the home is on a read-only medium.
    pub read_only: bool,
    /// Records in the store.
    pub records: u64,
    /// What was found damaged since the store was opened and what became of it, a sentence each.
    pub damage: Vec<String>,
}
wire_struct!(Status { version, pid, home, read_only, records, damage });

impl<'a> Wire<'a> for Vec<String> {
    fn put(&self, to: &mut Writer) {
        put_list(self, to);
    }
    fn take(from: &mut Reader<'a>) -> Result<Vec<String>> {
        take_list(from)
    }
}

/// Templates written by hand: by the administrator's commands and the tests.
impl Template {
    /// An empty template.
    pub fn new() -> Template {
        Template::default()
    }

    /// With a boolean.
    pub fn flag(self, kind: u64, value: bool) -> Template {
        self.bytes(kind, &[u8::from(value)])
    }

    /// With a number.
    pub fn number(self, kind: u64, value: u64) -> Template {
        self.bytes(kind, &value.to_le_bytes())
    }

    /// With a byte string.
    pub fn bytes(self, kind: u64, value: &[u8]) -> Template {
        self.with(kind, Raw::Bytes(Zeroizing::new(value.to_vec())))
    }

    /// With any value.
    pub fn with(mut self, kind: u64, value: Raw) -> Template {
        self.0.push(Attribute { kind, value });
        self
    }
}
