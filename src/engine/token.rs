//! A token: its identity, its accounts, and (while somebody is logged in) the keys that open private objects.

use super::account::{Account, Role};
use super::objects::Stored;
use crate::ck;
use crate::config::Pins;
use crate::crypto::{kdf, random};
use crate::error::{Code, Result};
use crate::secret::Secret;
use crate::store::{Batch, Change, RecordId, Sealer, Store, Tag};
use crate::wire::codec::{Reader, Wire, Writer, wire_struct};
use parking_lot::{Mutex, RwLock};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

/// The space of the records that are no token's.
const SYSTEM: [u8; 16] = [0; 16];

/// A token as it is stored.
#[derive(Clone)]
pub struct TokenRecord {
    /// Its identity, which is also the space of its objects.
    pub id: [u8; 16],
    /// The slot it is in for life.
    pub slot: u64,
    /// 16 hexadecimal digits, unique.
    pub serial: String,
    /// Up to 32 bytes of text.
    pub label: String,
    /// The security officer.
    pub officer: Account,
    /// The user, once the officer has set a PIN.
    pub user: Option<Account>,
}
wire_struct!(TokenRecord { id, slot, serial, label, officer, user });

/// A record and the version it is at.
struct Kept {
    record: TokenRecord,
    version: u64,
}

/// A token in its slot.
pub struct Token {
    /// Its identity: the space of its objects.
    pub id: [u8; 16],
    /// Its slot.
    pub slot: u64,
    /// What is in the store, and the one place where PINs are tried: the lock is held while one is.
    kept: Mutex<Kept>,
    /// The same for readers who must not wait for a PIN: flags, label, serial.
    seen: RwLock<TokenRecord>,
    /// The keys for private objects, while an application holds them.
    open: Mutex<Weak<Open>>,
    /// For PINs that were right before: the master key under a quick hash of the PIN with a salt of this process.
    remembered: Mutex<HashMap<Role, Remembered>>,
    /// Key of the blind tags of public objects.
    pub tags: Secret,
    /// Public objects that were read.
    pub cache: Cache,
    /// Sessions of all applications.
    pub sessions: AtomicU64,
}

/// The keys of private objects. Held by every login; wiped with the last.
pub struct Open {
    master: Secret,
    /// Seals private objects.
    pub sealer: Sealer,
    /// Key of their blind tags.
    pub tags: Secret,
    /// Private objects that were read.
    pub cache: Cache,
}

struct Remembered {
    salt: [u8; 16],
    sealed: Vec<u8>,
}

/// Objects that were read and parsed, with their prepared keys; bounded.
#[derive(Default)]
pub struct Cache(RwLock<HashMap<[u8; 16], Arc<Stored>>>);

/// Objects that a cache holds at most.
const CACHED: usize = 4096;

impl Cache {
    /// The object, if it is here.
    pub fn find(&self, id: &[u8; 16]) -> Option<Arc<Stored>> {
        self.0.read().get(id).cloned()
    }

    /// Keeps an object. A full cache is emptied first: what is in use comes back at once.
    pub fn keep(&self, stored: &Arc<Stored>) {
        let mut held = self.0.write();
        if held.len() >= CACHED {
            held.clear();
        }
        let newer = held.get(&stored.id).is_none_or(|there| there.version <= stored.version);
        if newer {
            held.insert(stored.id, stored.clone());
        }
    }

    /// Forgets an object.
    pub fn forget(&self, id: &[u8; 16]) {
        self.0.write().remove(id);
    }
}

/// All tokens of a store, by slot.
pub fn load_all(store: &Store, root: &Secret) -> Result<BTreeMap<u64, Arc<Token>>> {
    let mut tokens = BTreeMap::new();
    for id in store.find(&SYSTEM, &[system_tag(root)])? {
        // A token whose record is damaged beyond mending is named by the store and not shown: the others serve on.
        let Ok(Some(kept)) = store.get(&id) else { continue };
        let mut reader = Reader::new(&kept.payload);
        let record = TokenRecord::take(&mut reader)?;
        tokens.insert(record.slot, Arc::new(Token::new(Kept { record, version: kept.version }, root)));
    }
    Ok(tokens)
}

fn system_tag(root: &Secret) -> Tag {
    tag(root, b"token record")
}

/// A blind tag: a keyed hash, cut to 16 bytes.
pub fn tag(key: &Secret, of: &[u8]) -> Tag {
    let mut tag = Tag::default();
    tag.copy_from_slice(&kdf::hkdf_sha256(key, b"blind tag", of, 16));
    tag
}

impl Token {
    fn new(kept: Kept, root: &Secret) -> Token {
        let record = kept.record.clone();
        Token {
            id: record.id,
            slot: record.slot,
            seen: RwLock::new(record),
            tags: kdf::hkdf_sha256(root, &kept.record.id, b"tags of public objects", 32),
            kept: Mutex::new(kept),
            open: Mutex::new(Weak::new()),
            remembered: Mutex::default(),
            cache: Cache::default(),
            sessions: AtomicU64::new(0),
        }
    }

    /// Makes a token in a slot, in the place of `former` where there is one: its objects go, its serial stays.
    pub fn make(
        slot: u64,
        pin: &[u8],
        label: &str,
        former: Option<&Token>,
        store: &Store,
        root: &Secret,
        pins: &Pins,
    ) -> Result<Arc<Token>> {
        let mut id = [0; 16];
        random::fill(&mut id)?;
        let mut master = Secret::zeroed(32);
        random::fill(&mut master)?;
        let serial = match former {
            Some(token) => token.seen.read().serial.clone(),
            None => id[..8].iter().map(|byte| format!("{byte:02x}")).collect(),
        };
        let officer = Account::new(Role::Officer, pin, &master, root, pins)?;
        let record = TokenRecord { id, slot, serial, label: label.to_owned(), officer, user: None };
        let mut changes = Vec::new();
        if let Some(token) = former {
            changes.extend(token.removal());
        }
        changes.push(put(&record, 0, root));
        store.commit(Batch(changes))?;
        Ok(Arc::new(Token::new(Kept { record, version: 1 }, root)))
    }

    /// The changes that take the token and its objects out of the store.
    pub fn removal(&self) -> Vec<Change> {
        let expected = self.kept.lock().version;
        vec![Change::DeleteSpace(self.id), Change::Delete { id: RecordId { space: SYSTEM, id: self.id }, expected }]
    }

    /// What the token says of itself.
    pub fn record(&self) -> TokenRecord {
        self.seen.read().clone()
    }

    /// Flags of CK_TOKEN_INFO.
    pub fn flags(&self, pins: &Pins, read_only: bool) -> u64 {
        let record = self.seen.read();
        let mut flags = ck::CKF_RNG | ck::CKF_LOGIN_REQUIRED | ck::CKF_TOKEN_INITIALIZED;
        if read_only {
            flags |= ck::CKF_WRITE_PROTECTED;
        }
        let [low, last, locked] = [ck::CKF_SO_PIN_COUNT_LOW, ck::CKF_SO_PIN_FINAL_TRY, ck::CKF_SO_PIN_LOCKED];
        flags |= pin_flags(&record.officer, pins.so_tries, low, last, locked);
        if let Some(user) = &record.user {
            let [low, last, locked] = [ck::CKF_USER_PIN_COUNT_LOW, ck::CKF_USER_PIN_FINAL_TRY, ck::CKF_USER_PIN_LOCKED];
            flags |= ck::CKF_USER_PIN_INITIALIZED | pin_flags(user, pins.user_tries, low, last, locked);
        }
        flags
    }

    /// Opens the token with a PIN: counts the attempt on disk, tries it, and clears the count when it was right.
    pub fn open_with(&self, role: Role, pin: &[u8], store: &Store, root: &Secret, pins: &Pins) -> Result<Arc<Open>> {
        let mut kept = self.kept.lock();
        let account = account_of(&kept.record, role)?.clone();
        if account.failures >= role.tries(pins) {
            return Err(Code::PinLocked.because(locked_text(role)));
        }
        if let Some(master) = self.remembered(role, pin, root) {
            if account.failures > 0 {
                self.count(&mut kept, role, 0, store, root)?;
            }
            return Ok(self.opened(master));
        }
        self.count(&mut kept, role, account.failures + 1, store, root)?;
        let master = account.open(role, pin, root)?;
        self.count(&mut kept, role, 0, store, root)?;
        self.remember(role, pin, &master, root)?;
        Ok(self.opened(master))
    }

    /// Writes the number of failures. On a read-only medium it is kept in memory alone.
    fn count(&self, kept: &mut Kept, role: Role, failures: u64, store: &Store, root: &Secret) -> Result<()> {
        let mut record = kept.record.clone();
        match role {
            Role::Officer => record.officer.failures = failures,
            Role::User => record.user.iter_mut().for_each(|user| user.failures = failures),
        }
        if store.read_only() {
            kept.record = record.clone();
            *self.seen.write() = record;
            return Ok(());
        }
        self.write(kept, record, store, root)
    }

    fn write(&self, kept: &mut Kept, record: TokenRecord, store: &Store, root: &Secret) -> Result<()> {
        store.commit(Batch(vec![put(&record, kept.version, root)]))?;
        kept.version += 1;
        kept.record = record.clone();
        *self.seen.write() = record;
        Ok(())
    }

    /// Sets the PIN of an account to `pin`, for the master key that `open` holds. Clears its failures.
    pub fn set_pin(
        &self,
        role: Role,
        pin: &[u8],
        open: &Open,
        store: &Store,
        root: &Secret,
        pins: &Pins,
    ) -> Result<()> {
        let account = Account::new(role, pin, &open.master, root, pins)?;
        let mut kept = self.kept.lock();
        let mut record = kept.record.clone();
        match role {
            Role::Officer => record.officer = account,
            Role::User => record.user = Some(account),
        }
        self.write(&mut kept, record, store, root)?;
        self.remembered.lock().remove(&role);
        Ok(())
    }

    /// The keys for private objects, shared with whoever holds them already.
    fn opened(&self, master: Secret) -> Arc<Open> {
        let mut held = self.open.lock();
        if let Some(open) = held.upgrade() {
            return open;
        }
        let open = Arc::new(Open {
            sealer: Sealer::new(&master, b"private objects"),
            tags: kdf::hkdf_sha256(&master, &self.id, b"tags of private objects", 32),
            cache: Cache::default(),
            master,
        });
        *held = Arc::downgrade(&open);
        open
    }

    /// A PIN that was right before is recognised without the cost of Argon2id. What is kept opens nothing without it.
    fn remembered(&self, role: Role, pin: &[u8], root: &Secret) -> Option<Secret> {
        let remembered = self.remembered.lock();
        let kept = remembered.get(&role)?;
        quick(pin, &kept.salt, root).open(&kept.salt, &kept.sealed).ok()
    }

    fn remember(&self, role: Role, pin: &[u8], master: &Secret, root: &Secret) -> Result<()> {
        let mut salt = [0; 16];
        random::fill(&mut salt)?;
        let sealed = quick(pin, &salt, root).seal(&salt, master);
        self.remembered.lock().insert(role, Remembered { salt, sealed });
        Ok(())
    }

    /// One more session is open.
    pub fn enter(&self) {
        self.sessions.fetch_add(1, Ordering::SeqCst);
    }

    /// One less.
    pub fn leave(&self) {
        self.sessions.fetch_sub(1, Ordering::SeqCst);
    }
}

fn quick(pin: &[u8], salt: &[u8], root: &Secret) -> Sealer {
    let mut input = Secret::zeroed(32 + pin.len());
    input[..32].copy_from_slice(&root[..32]);
    input[32..].copy_from_slice(pin);
    Sealer::new(&kdf::hkdf_sha256(&input, salt, b"remembered PIN", 32), b"remembered PIN")
}

fn account_of(record: &TokenRecord, role: Role) -> Result<&Account> {
    match role {
        Role::Officer => Ok(&record.officer),
        Role::User => record.user.as_ref().ok_or_else(|| {
            Code::UserPinNotInitialized
                .because("the user has no PIN yet: the SO sets one with C_InitPIN (strongroom pin reset)")
        }),
    }
}

fn locked_text(role: Role) -> &'static str {
    match role {
        Role::Officer => "the SO's PIN is locked after too many failures",
        Role::User => "the user's PIN is locked after too many failures: the SO sets a new one (strongroom pin reset)",
    }
}

fn pin_flags(account: &Account, tries: u64, low: u64, last: u64, locked: u64) -> u64 {
    match tries.saturating_sub(account.failures) {
        0 => locked,
        _ if account.failures == 0 => 0,
        1 => low | last,
        _ => low,
    }
}

fn put(record: &TokenRecord, expected: u64, root: &Secret) -> Change {
    let mut writer = Writer::default();
    record.put(&mut writer);
    Change::Put {
        id: RecordId { space: SYSTEM, id: record.id },
        expected,
        tags: vec![system_tag(root)],
        payload: Secret::from(writer.bytes()),
    }
}
