//! Key management and random numbers (sections 5.18 and 5.19).

use super::prelude::*;
use zeroize::Zeroizing;

entry!(C_GenerateKey(session: number, mechanism: mechanism, template: template, key: handle) |calls|
    key.put(calls.generate_key(session, mechanism, template)?));
entry!(C_GenerateKeyPair(
    session: number, mechanism: mechanism, public: template, private: template, public_key: handle, private_key: handle
) |calls| {
    let (public, private) = calls.generate_key_pair(session, mechanism, public, private)?;
    public_key.put(public)?;
    private_key.put(private)
});
entry!(C_WrapKey(session: number, mechanism: mechanism, wrapping: number, key: number, wrapped: output) |calls|
    wrapped.put(calls.wrap_key(session, mechanism, wrapping, key, wrapped.room())?));
entry!(C_UnwrapKey(
    session: number, mechanism: mechanism, unwrapping: number, wrapped: bytes(WrappedKeyLenRange), template: template,
    key: handle
) |calls| key.put(calls.unwrap_key(session, mechanism, unwrapping, wrapped, template)?));
entry!(C_DeriveKey(session: number, mechanism: mechanism, base: number, template: template, key: handle) |calls|
    key.put(calls.derive_key(session, mechanism, base, template)?));

entry!(C_SeedRandom(session: number, seed: bytes(ArgumentsBad)) |calls| calls.seed_random(session, seed));
entry!(C_GenerateRandom(session: number, random: filled) |calls|
    random.fill(RANDOM_PIECE, |length| calls.generate_random(session, length).map(Zeroizing::new)));

/// Random bytes asked for at a time: 1 MiB.
const RANDOM_PIECE: u64 = 1 << 20;
