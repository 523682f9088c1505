//! Objects at work: how they are kept, found and changed, and who may see them.
//!
//! A public object is sealed by the store alone. A private one is sealed under the token's master key first, so that
//! neither the store nor the root key opens it. Both are found by blind tags: keyed hashes of class, key type, label,
//! id and their like, under the root key for public objects and the master key for private ones.

use super::Engine;
use super::application::Member;
use super::handles::Entry;
use super::session::Here;
use super::token::{Cache, Open, Token, tag};
use crate::ck;
use crate::crypto::random;
use crate::error::{Code, Error, Result};
use crate::mechanism::{Key, MECHANISMS};
use crate::object::{self, Object, Value};
use crate::secret::Secret;
use crate::store::{Batch, Change, Record, RecordId, Tag};
use crate::wire::values::{Raw, Shown, Template};
use std::collections::VecDeque;
use std::sync::Arc;

/// An object in memory: of a session, or read from the store.
pub struct Stored {
    /// Its identity in the store; of a session object, unused.
    pub id: [u8; 16],
    /// Its version in the store; 0 for a session object.
    pub version: u64,
    /// `CKA_PRIVATE`
    pub private: bool,
    /// The object, and what mechanisms have prepared from it.
    pub key: Key,
}

impl Stored {
    fn new(id: [u8; 16], version: u64, object: Object) -> Arc<Stored> {
        Arc::new(Stored { id, version, private: object.flag(ck::CKA_PRIVATE), key: Key::new(object) })
    }

    /// Its attributes.
    pub fn object(&self) -> &Object {
        &self.key.object
    }
}

/// A search in progress: what is still to be looked at. The set is that of the moment of C_FindObjectsInit.
#[derive(Clone)]
pub struct Find {
    template: Template,
    pending: VecDeque<Candidate>,
}

#[derive(Clone)]
enum Candidate {
    /// Matched already, and has its handle.
    Handle(u64),
    /// A token object that bears the right tags, of the private half or of the public one.
    Record { id: RecordId, private: bool },
}

/// Attributes that objects are found by without being read.
const INDEXED: [u64; 11] = [
    ck::CKA_CLASS,
    ck::CKA_LABEL,
    ck::CKA_UNIQUE_ID,
    ck::CKA_APPLICATION,
    ck::CKA_OBJECT_ID,
    ck::CKA_CERTIFICATE_TYPE,
    ck::CKA_ISSUER,
    ck::CKA_SERIAL_NUMBER,
    ck::CKA_KEY_TYPE,
    ck::CKA_SUBJECT,
    ck::CKA_ID,
];

/// The classes that the token makes up. They are found only by who asks for them: clients that list everything
/// stumble over them.
const BUILT_IN: [u64; 2] = [ck::CKO_PROFILE, ck::CKO_MECHANISM];

/// What the token conforms to, `CKP_…`.
const PROFILES: [u64; 2] = [ck::CKP_BASELINE_PROVIDER, ck::CKP_AUTHENTICATION_TOKEN];

/// The key of the tags, the cache and (where private) the sealer of one of the two halves of a token.
fn tags_key<'a>(token: &'a Token, open: Option<&'a Open>) -> &'a Secret {
    open.map_or(&token.tags, |open| &open.tags)
}

fn cache<'a>(token: &'a Token, open: Option<&'a Open>) -> &'a Cache {
    open.map_or(&token.cache, |open| &open.cache)
}

/// The tag that every object of a half bears.
fn half_tag(key: &Secret) -> Tag {
    tag(key, b"object")
}

fn value_tag(key: &Secret, kind: u64, value: &[u8]) -> Tag {
    let mut of = Vec::with_capacity(8 + value.len());
    of.extend_from_slice(&kind.to_le_bytes());
    of.extend_from_slice(value);
    tag(key, &of)
}

fn tags(object: &Object, key: &Secret) -> Vec<Tag> {
    let mut tags = vec![half_tag(key)];
    for kind in INDEXED {
        match object.value(kind) {
            Some(Value::Number(number)) => tags.push(value_tag(key, kind, &number.to_le_bytes())),
            Some(Value::Bytes(bytes)) => tags.push(value_tag(key, kind, bytes)),
            _ => {}
        }
    }
    tags
}

/// The tags that an object must bear to match a template.
fn wanted(template: &Template, key: &Secret) -> Vec<Tag> {
    let indexed = template.0.iter().filter_map(|attribute| match &attribute.value {
        Raw::Bytes(bytes) if INDEXED.contains(&attribute.kind) => Some(value_tag(key, attribute.kind, bytes)),
        _ => None,
    });
    std::iter::once(half_tag(key)).chain(indexed).collect()
}

impl Engine {
    /// Seals an object as the store shall hold it.
    fn change(&self, id: RecordId, expected: u64, object: &Object, token: &Token, open: Option<&Open>) -> Change {
        let plain = object::encode(object);
        let payload = match open {
            None => plain,
            Some(open) => Secret::from(open.sealer.seal(&inner(&id), &plain)),
        };
        Change::Put { id, expected, tags: tags(object, tags_key(token, open)), payload }
    }

    fn read(&self, record: &Record, open: Option<&Open>) -> Result<Arc<Stored>> {
        let object = match open {
            None => object::decode(&record.payload),
            Some(open) => {
                open.sealer.open(&inner(&record.id), &record.payload).and_then(|plain| object::decode(&plain))
            }
        }?;
        // Which half an object belongs to is sealed in it; the keys it opened with must be that half's.
        if object.flag(ck::CKA_PRIVATE) != open.is_some() {
            return Err(Code::DeviceError.because("an object lies in the wrong half of its token"));
        }
        Ok(Stored::new(record.id.id, record.version, object))
    }

    /// A token object, or none where it has gone.
    fn load(&self, token: &Token, id: [u8; 16], open: Option<&Open>) -> Result<Option<Arc<Stored>>> {
        let cache = cache(token, open);
        if let Some(stored) = cache.find(&id) {
            return Ok(Some(stored));
        }
        let Some(record) = self.store.get(&RecordId { space: token.id, id })? else { return Ok(None) };
        let stored = self.read(&record, open)?;
        cache.keep(&stored);
        Ok(Some(stored))
    }
}

fn inner(id: &RecordId) -> Vec<u8> {
    [&id.space[..], &id.id[..]].concat()
}

fn new_id() -> Result<[u8; 16]> {
    let mut id = [0; 16];
    random::fill(&mut id)?;
    Ok(id)
}

impl Member {
    /// The object that a handle stands for, as far as the session may see it.
    pub(super) fn object(&self, here: &Here, handle: u64) -> Result<Arc<Stored>> {
        let entry = self.handles.read().entry(handle).cloned().ok_or(Code::ObjectHandleInvalid)?;
        let token = &here.session.token;
        match entry {
            Entry::Session { slot, object, .. } if slot == token.slot => Ok(object),
            Entry::Builtin { slot, object } if slot == token.slot => Ok(Stored::new([0; 16], 0, (*object).clone())),
            Entry::Token { slot, id, private } if slot == token.slot => {
                let open = if private { Some(&**here.user().ok_or(Code::ObjectHandleInvalid)?) } else { None };
                self.engine.load(token, id, open)?.ok_or(Code::ObjectHandleInvalid.into())
            }
            _ => Err(Code::ObjectHandleInvalid.into()),
        }
    }

    /// Whether such an object may be made here: asked before anything costly is done.
    pub(super) fn may_keep(&self, here: &Here, object: &Object) -> Result<()> {
        if object.flag(ck::CKA_PRIVATE) {
            here.need_user()?;
        }
        if object.flag(ck::CKA_TOKEN) {
            here.need_write(self.engine.read_only())?;
        }
        Ok(())
    }

    /// Keeps new objects, in the store or in the session as each says, and gives them handles. Those for the store
    /// are written together or not at all.
    pub(super) fn keep(&self, here: &Here, objects: Vec<Object>) -> Result<Vec<u64>> {
        let token = &here.session.token;
        let mut changes = Vec::new();
        let mut entries = Vec::new();
        for object in objects {
            self.may_keep(here, &object)?;
            let id = new_id()?;
            if !object.flag(ck::CKA_TOKEN) {
                let object = Stored::new(id, 0, object);
                entries.push(Entry::Session { owner: here.session.handle, slot: token.slot, object });
                continue;
            }
            let private = object.flag(ck::CKA_PRIVATE);
            let open = if private { Some(&**here.need_user()?) } else { None };
            changes.push(self.engine.change(RecordId { space: token.id, id }, 0, &object, token, open));
            entries.push(Entry::Token { slot: token.slot, id, private });
        }
        if !changes.is_empty() {
            self.engine.store.commit(Batch(changes))?;
        }
        let mut handles = self.handles.write();
        Ok(entries.into_iter().map(|entry| handles.give(self.next_handle(), entry)).collect())
    }

    /// C_CreateObject
    pub(super) fn create(&self, session: u64, template: &Template) -> Result<u64> {
        let here = self.at(session)?;
        let object = object::create(template, here.authority())?;
        self.keep_one(&here, object)
    }

    pub(super) fn keep_one(&self, here: &Here, object: Object) -> Result<u64> {
        self.keep(here, vec![object]).map(|handles| handles[0])
    }

    /// C_CopyObject
    pub(super) fn copy(&self, session: u64, handle: u64, template: &Template) -> Result<u64> {
        let here = self.at(session)?;
        let original = self.object(&here, handle)?;
        let copy = object::copy(original.object(), template, here.authority())?;
        self.keep_one(&here, copy)
    }

    /// C_DestroyObject
    pub(super) fn destroy(&self, session: u64, handle: u64) -> Result<()> {
        let here = self.at(session)?;
        let stored = self.object(&here, handle)?;
        if BUILT_IN.contains(&stored.object().class()) {
            return Err(Code::ActionProhibited.because("the token itself keeps this object"));
        }
        if !stored.object().flag(ck::CKA_DESTROYABLE) {
            return Err(Code::ActionProhibited.because("CKA_DESTROYABLE of this object is FALSE"));
        }
        if stored.object().flag(ck::CKA_TOKEN) {
            here.need_write(self.engine.read_only())?;
            let id = RecordId { space: here.session.token.id, id: stored.id };
            self.engine.store.commit(Batch(vec![Change::Delete { id, expected: stored.version }])).map_err(gone)?;
            self.refresh(&here, &stored, None);
        }
        self.handles.write().forget(handle);
        Ok(())
    }

    /// C_SetAttributeValue: all of the template or nothing of it.
    pub(super) fn change(&self, session: u64, handle: u64, template: &Template) -> Result<()> {
        let here = self.at(session)?;
        let stored = self.object(&here, handle)?;
        if BUILT_IN.contains(&stored.object().class()) {
            return Err(Code::ActionProhibited.because("the token itself keeps this object"));
        }
        if stored.object().flag(ck::CKA_TOKEN) {
            here.need_write(self.engine.read_only())?;
        }
        let changed = object::change(stored.object(), template, here.authority())?;
        if !stored.object().flag(ck::CKA_TOKEN) {
            self.handles.write().replace(handle, Stored::new(stored.id, 0, changed));
            return Ok(());
        }
        let token = &here.session.token;
        let open = if stored.private { Some(&**here.need_user()?) } else { None };
        let id = RecordId { space: token.id, id: stored.id };
        let change = self.engine.change(id, stored.version, &changed, token, open);
        self.engine.store.commit(Batch(vec![change])).map_err(gone)?;
        self.refresh(&here, &stored, Some(Stored::new(stored.id, stored.version + 1, changed)));
        Ok(())
    }

    /// Brings the caches up to date with what was just written.
    fn refresh(&self, here: &Here, former: &Stored, now: Option<Arc<Stored>>) {
        let open = if former.private { here.user().map(|open| &**open) } else { None };
        let cache = cache(&here.session.token, open);
        match now {
            Some(stored) => cache.keep(&stored),
            None => cache.forget(&former.id),
        }
    }

    /// C_GetAttributeValue
    pub(super) fn show(&self, session: u64, handle: u64, kinds: &[u64]) -> Result<Vec<Shown>> {
        let here = self.at(session)?;
        let stored = self.object(&here, handle)?;
        Ok(kinds.iter().map(|kind| object::show(stored.object(), *kind)).collect())
    }

    /// C_GetObjectSize
    pub(super) fn size(&self, session: u64, handle: u64) -> Result<u64> {
        let here = self.at(session)?;
        Ok(object::size(self.object(&here, handle)?.object()))
    }

    /// C_FindObjectsInit
    pub(super) fn begin_find(&self, session: u64, template: Template) -> Result<()> {
        let here = self.at(session)?;
        if here.session.work.lock().find.is_some() {
            return Err(Code::OperationActive.into());
        }
        let pending = match built_in(&template) {
            Some(class) => self.built_in_candidates(&here, class, &template),
            None => self.candidates(&here, &template)?,
        };
        here.session.work.lock().find = Some(Find { template, pending });
        Ok(())
    }

    fn candidates(&self, here: &Here, template: &Template) -> Result<VecDeque<Candidate>> {
        let token = &here.session.token;
        let in_session = self.handles.read().session_objects(token.slot);
        let mut pending: VecDeque<_> = in_session
            .into_iter()
            .filter(|(_, stored)| object::matches(stored.object(), template))
            .map(|(handle, _)| Candidate::Handle(handle))
            .collect();
        let halves = std::iter::once(None).chain(here.user().map(|open| Some(&**open)));
        for open in halves {
            let found = self.engine.store.find(&token.id, &wanted(template, tags_key(token, open)))?;
            pending.extend(found.into_iter().map(|id| Candidate::Record { id, private: open.is_some() }));
        }
        Ok(pending)
    }

    fn built_in_candidates(&self, here: &Here, class: u64, template: &Template) -> VecDeque<Candidate> {
        let slot = here.session.token.slot;
        let objects: Vec<Object> = match class {
            ck::CKO_PROFILE => PROFILES.iter().map(|id| object::profile(*id)).collect(),
            _ => MECHANISMS
                .iter()
                .flat_map(|family| family.iter())
                .map(|mechanism| object::mechanism(mechanism.id))
                .collect(),
        };
        let matching = objects.into_iter().filter(|object| object::matches(object, template));
        let mut handles = self.handles.write();
        matching
            .map(|object| handles.give(self.next_handle(), Entry::Builtin { slot, object: Arc::new(object) }))
            .map(Candidate::Handle)
            .collect()
    }

    /// C_FindObjects
    pub(super) fn continue_find(&self, session: u64, most: u64) -> Result<Vec<u64>> {
        let here = self.at(session)?;
        let mut work = here.session.work.lock();
        let find = work.find.as_mut().ok_or(Code::OperationNotInitialized)?;
        let mut found = Vec::new();
        while (found.len() as u64) < most {
            let Some(candidate) = find.pending.pop_front() else { break };
            match candidate {
                Candidate::Handle(handle) => found.push(handle),
                Candidate::Record { id, private } => found.extend(self.found(&here, id, private, &find.template)),
            }
        }
        Ok(found)
    }

    /// The handle of a token object that bears the right tags, if it is still there and matches in full. One that is
    /// damaged beyond mending has been named by the store; the search goes on without it.
    fn found(&self, here: &Here, id: RecordId, private: bool, template: &Template) -> Option<u64> {
        let token = &here.session.token;
        let open = if private { Some(&**here.user()?) } else { None };
        let stored = self.engine.load(token, id.id, open).ok().flatten()?;
        if !object::matches(stored.object(), template) {
            return None;
        }
        let mut handles = self.handles.write();
        let handle = handles.of(token.slot, id.id).unwrap_or_else(|| self.next_handle());
        Some(handles.give(handle, Entry::Token { slot: token.slot, id: id.id, private }))
    }

    /// C_FindObjectsFinal
    pub(super) fn end_find(&self, session: u64) -> Result<()> {
        let here = self.at(session)?;
        here.session.work.lock().find.take().map(drop).ok_or(Code::OperationNotInitialized.into())
    }
}

/// The built-in class that a template asks for.
fn built_in(template: &Template) -> Option<u64> {
    match object::given(template, ck::CKA_CLASS).map(|attribute| &attribute.value) {
        Some(Raw::Bytes(bytes)) => BUILT_IN.into_iter().find(|class| class.to_le_bytes()[..] == bytes[..]),
        _ => None,
    }
}

/// A change that lost against another application's: the object is no longer what the caller saw.
fn gone(error: Error) -> Error {
    match error.code() {
        Code::FunctionFailed => {
            Code::ObjectHandleInvalid.because("another application has changed or destroyed the object meanwhile")
        }
        _ => error,
    }
}
