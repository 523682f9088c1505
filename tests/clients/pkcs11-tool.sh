#!/bin/bash
# OpenSC's pkcs11-tool: its own tests, then everything it can ask of a token, checked with openssl wherever openssl can.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
need pkcs11-tool openssl

p11() { timeout --kill-after=5 120 pkcs11-tool --module "$MODULE" --token-label "$LABEL" "$@"; }
user() { p11 --login --pin "$PIN" "$@"; }

printf 'The quick brown fox jumps over the lazy dog, and then some more of it to fill two blocks.' >data
for hash in 1 224 256 384 512; do openssl dgst -sha$hash -binary -out data.sha$hash data; done
head -c 64 data >blocks
openssl rand 32 >secret

# --- the token itself ------------------------------------------------------------------------------------------------
section "token"
clean "show-info" p11 --show-info
says "list-slots shows the label" "token label *: $LABEL" p11 --list-slots
says "list-token-slots shows the label" "token label *: $LABEL" p11 --list-token-slots
says "list-mechanisms" "SHA256-RSA-PKCS" p11 --list-mechanisms
check "list-objects of an empty token" user --list-objects
refuse "login with a wrong PIN" p11 --login --pin 999999 --list-objects
check "login with the right PIN after a wrong one" user --list-objects

section "random and digests"
check "generate-random 32" p11 --generate-random 32 --output-file random1
check "generate-random 4096" p11 --generate-random 4096 --output-file random2
check "  it gives as many bytes as asked" test "$(stat -c %s random1 random2 | xargs)" = "32 4096"
check "  and they do not compress" test "$(gzip -c random2 | wc -c)" -gt 4096
for hash in 1 224 256 384 512; do
    [ $hash = 1 ] && name=SHA-1 || name=SHA$hash
    check "hash $name" p11 --hash --mechanism $name --input-file data --output-file out
    same "  equals openssl's" out data.sha$hash
done

# --- keys made in the token -------------------------------------------------------------------------------------------
# public ID FILE: the token's public key as openssl reads it.
public() { user --read-object --type pubkey --id "$1" --output-file "$2.der" && openssl pkey -pubin -inform DER -in "$2.der" -out "$2"; }

# The same for P-384, whose keys this version of pkcs11-tool cannot write to a file: made from the point that it lists
# (without the octet string's header) and the header of RFC 5480 for secp384r1.
public_p384() {
    local point
    point=$(user --list-objects --type pubkey --id "$1" | sed -n 's/^ *EC_POINT: *0461//p')
    printf '3076301006072a8648ce3d020106052b81040022036200%s' "$point" | xxd -r -p >"$2.der" &&
        openssl pkey -pubin -inform DER -in "$2.der" -out "$2"
}

section "key generation"
check "keypairgen rsa:2048" user --keypairgen --key-type rsa:2048 --id 01 --label rsa
check "keypairgen EC:prime256v1" user --keypairgen --key-type EC:prime256v1 --id 02 --label p256 --usage-sign --usage-derive
check "keypairgen EC:secp384r1" user --keypairgen --key-type EC:secp384r1 --id 03 --label p384 --usage-sign --usage-derive
check "keypairgen EC:secp521r1" user --keypairgen --key-type EC:secp521r1 --id 04 --label p521 --usage-sign --usage-derive
check "keypairgen EC:edwards25519" user --keypairgen --key-type EC:edwards25519 --id 05 --label ed25519
check "keygen AES:16" user --keygen --key-type AES:16 --id 11 --label aes128
check "keygen AES:32" user --keygen --key-type AES:32 --id 12 --label aes256
check "keygen GENERIC:32" user --keygen --key-type GENERIC:32 --id 13 --label generic
for pair in 01:rsa 02:p256 03:p384 04:p521; do
    read=public
    [ "$pair" = 03:p384 ] && read=public_p384
    check "the public key of ${pair#*:} is read, and openssl accepts it" $read ${pair%:*} ${pair#*:}.pub
    check "  it is on its curve, or a proper modulus" openssl pkey -pubin -in ${pair#*:}.pub -pubcheck -noout
done

section "listing"
says "list-objects shows the RSA key" "label: *rsa" user --list-objects
says "  and the AES key" "label: *aes256" user --list-objects
says "list-objects --type privkey" "Private Key Object; RSA" user --list-objects --type privkey
says "list-objects --type pubkey" "Public Key Object; EC" user --list-objects --type pubkey
says "list-objects --type secrkey" "Secret Key Object; AES" user --list-objects --type secrkey
check "before login no private object is seen" bash -c '! pkcs11-tool --module "$MODULE" --token-label "$LABEL" --list-objects | grep "Private Key Object"'
refuse "the value of an AES key is not read" user --read-object --type secrkey --id 12

# --- signatures -------------------------------------------------------------------------------------------------------
# Each takes ID MECHANISM INPUT [option…]. pkcs11-tool exits with 0 whatever the signature is: its words tell.
sign() { user --sign --id "$1" --mechanism "$2" --input-file "$3" --output-file signature "${@:4}"; }
verify() { user --verify --id "$1" --mechanism "$2" --input-file "$3" --signature-file signature "${@:4}"; }
verified() { says "  verified by the token" "^Signature is valid" verify "$@"; }

section "RSA signatures"
# DigestInfo of SHA-256 (RFC 8017, 9.2): what CKM_RSA_PKCS signs.
{ printf '\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20'; cat data.sha256; } >digest-info
check "sign RSA-PKCS" sign 01 RSA-PKCS digest-info
check "  verified by openssl" openssl dgst -sha256 -verify rsa.pub -signature signature data
verified 01 RSA-PKCS digest-info
for hash in 1 224 256 384 512; do
    check "sign SHA$hash-RSA-PKCS" sign 01 SHA$hash-RSA-PKCS data
    check "  verified by openssl" openssl dgst -sha$hash -verify rsa.pub -signature signature data
    verified 01 SHA$hash-RSA-PKCS data
done
says "other data do not verify" "^Invalid signature" verify 01 SHA512-RSA-PKCS blocks
pss() { openssl dgst -sha$1 -verify rsa.pub -signature signature -sigopt rsa_padding_mode:pss -sigopt "rsa_pss_saltlen:${2:-digest}" data; }
for hash in 1 224 256 384 512; do
    check "sign SHA$hash-RSA-PKCS-PSS" sign 01 SHA$hash-RSA-PKCS-PSS data
    check "  verified by openssl" pss $hash
    verified 01 SHA$hash-RSA-PKCS-PSS data
done
check "sign SHA256-RSA-PKCS-PSS with a salt of 20" sign 01 SHA256-RSA-PKCS-PSS data --salt-len 20
check "  verified by openssl" pss 256 20
check "sign RSA-PKCS-PSS over a SHA-256 digest" sign 01 RSA-PKCS-PSS data.sha256 --hash-algorithm SHA256 --mgf MGF1-SHA256
check "  verified by openssl" pss 256
verified 01 RSA-PKCS-PSS data.sha256 --hash-algorithm SHA256 --mgf MGF1-SHA256
check "sign RSA-PKCS-PSS over a SHA-384 digest" sign 01 RSA-PKCS-PSS data.sha384 --hash-algorithm SHA384 --mgf MGF1-SHA384
check "  verified by openssl" pss 384
# One block for the raw operation: the PKCS#1 padding made by hand.
{ printf '\x00\x01'; head -c 202 /dev/zero | tr '\0' '\377'; printf '\x00'; cat digest-info; } >block
check "sign RSA-X-509 over a whole block" sign 01 RSA-X-509 block
check "  verified by openssl" openssl dgst -sha256 -verify rsa.pub -signature signature data

section "ECDSA and EdDSA signatures"
for curve in 02:p256:256 03:p384:384 04:p521:512; do
    IFS=: read -r id name hash <<<"$curve"
    check "sign ECDSA $name" sign $id ECDSA data.sha$hash --signature-format openssl
    check "  verified by openssl" openssl pkeyutl -verify -pubin -inkey $name.pub -in data.sha$hash -sigfile signature
    verified $id ECDSA data.sha$hash --signature-format openssl
done
for hash in 1 224 256 384 512; do
    [ "$TOKEN" = softhsm ] && break
    check "sign ECDSA-SHA$hash" sign 02 ECDSA-SHA$hash data --signature-format openssl
    check "  verified by openssl" openssl dgst -sha$hash -verify p256.pub -signature signature data
    verified 02 ECDSA-SHA$hash data --signature-format openssl
done
check "sign ECDSA as r and s" sign 02 ECDSA data.sha256
check "  is 64 bytes" test "$(stat -c %s signature)" = 64
says "another digest does not verify" "^Invalid signature" verify 02 ECDSA secret
check "sign EDDSA" sign 05 EDDSA data
check "  is 64 bytes" test "$(stat -c %s signature)" = 64
verified 05 EDDSA data

section "HMAC"
printf '\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b' >hmac.key
check "write-object of a generic secret" user --write-object hmac.key --type secrkey --id 14 --label hmac --usage-sign
for hash in SHA-1 SHA224 SHA256 SHA384 SHA512; do
    check "sign $hash-HMAC" sign 14 $hash-HMAC data
    openssl dgst -${hash//-/} -mac HMAC -macopt hexkey:$(xxd -p hmac.key) -binary -out expected data
    same "  equals openssl's" signature expected
    verified 14 $hash-HMAC data
done

# --- encryption -------------------------------------------------------------------------------------------------------
section "RSA decryption"
check "openssl encrypts, PKCS#1 v1.5" openssl pkeyutl -encrypt -pubin -inkey rsa.pub -in secret -out ciphertext
check "decrypt RSA-PKCS" user --decrypt --id 01 --mechanism RSA-PKCS --input-file ciphertext --output-file out
same "  gives the plaintext" out secret
for hash in 1 256; do
    check "openssl encrypts, OAEP SHA-$hash" openssl pkeyutl -encrypt -pubin -inkey rsa.pub -in secret -out ciphertext \
        -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha$hash -pkeyopt rsa_mgf1_md:sha$hash
    [ "$TOKEN" = softhsm ] && [ $hash != 1 ] && continue
    [ $hash = 1 ] && name=SHA-1 || name=SHA$hash
    check "decrypt RSA-PKCS-OAEP $name" user --decrypt --id 01 --mechanism RSA-PKCS-OAEP --hash-algorithm $name --mgf MGF1-SHA$hash \
        --input-file ciphertext --output-file out
    same "  gives the plaintext" out secret
done

section "AES"
openssl rand 32 >aes.key
hex() { xxd -p -c 256 "$1"; }
IV=000102030405060708090a0b0c0d0e0f
check "write-object of an AES key" user --write-object aes.key --type secrkey --key-type AES:32 --id 15 --label imported-aes --extractable
for mode in CBC-PAD CBC ECB; do
    [ $mode = CBC-PAD ] && input=data || input=blocks
    case $mode in
        ECB) iv=() cipher="-aes-256-ecb -nopad" ;;
        CBC) iv=(--iv $IV) cipher="-aes-256-cbc -nopad -iv $IV" ;;
        *) iv=(--iv $IV) cipher="-aes-256-cbc -iv $IV" ;;
    esac
    check "encrypt AES-$mode" user --encrypt --id 15 --mechanism AES-$mode "${iv[@]}" --input-file $input --output-file ciphertext
    openssl enc $cipher -K "$(hex aes.key)" -in $input -out expected
    same "  equals openssl's" ciphertext expected
    check "decrypt AES-$mode" user --decrypt --id 15 --mechanism AES-$mode "${iv[@]}" --input-file ciphertext --output-file out
    same "  gives the plaintext" out $input
done
head -c 300000 /dev/urandom >large
check "encrypt 300,000 bytes in parts, AES-CBC-PAD" user --encrypt --id 15 --mechanism AES-CBC-PAD --iv $IV --input-file large --output-file ciphertext
openssl enc -aes-256-cbc -iv $IV -K "$(hex aes.key)" -in large -out expected
same "  equals openssl's" ciphertext expected
check "decrypt them in parts" user --decrypt --id 15 --mechanism AES-CBC-PAD --iv $IV --input-file ciphertext --output-file out
same "  gives the plaintext" out large

# --- wrapping and derivation -------------------------------------------------------------------------------------------
section "wrap and unwrap"
check "wrap an AES key under RSA-PKCS" user --wrap --mechanism RSA-PKCS --id 01 --application-id 15 --output-file wrapped
check "unwrap it" user --unwrap --mechanism RSA-PKCS --id 01 --input-file wrapped --key-type AES: --application-id 16 --application-label unwrapped --extractable
check "  the copy encrypts" user --encrypt --id 16 --mechanism AES-CBC-PAD --iv $IV --input-file data --output-file ciphertext
openssl enc -aes-256-cbc -iv $IV -K "$(hex aes.key)" -in data -out expected
same "  as the first does" ciphertext expected
openssl pkeyutl -encrypt -pubin -inkey rsa.pub -in aes.key -out wrapped
check "unwrap what openssl wrapped" user --unwrap --mechanism RSA-PKCS --id 01 --input-file wrapped --key-type AES: --application-id 17 --application-label from-openssl
refuse "a key that is not extractable is not wrapped" user --wrap --mechanism RSA-PKCS --id 01 --application-id 12 --output-file nothing

section "ECDH"
for curve in 02:p256:prime256v1 03:p384:secp384r1 04:p521:secp521r1; do
    IFS=: read -r id name group <<<"$curve"
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:$group -out peer.pem 2>/dev/null
    openssl pkey -in peer.pem -pubout -outform DER -out peer.der
    check "derive ECDH1-DERIVE $name" user --derive --mechanism ECDH1-DERIVE --id $id --input-file peer.der --output-file out
    openssl pkeyutl -derive -inkey peer.pem -peerkey $name.pub -out expected
    same "  equals openssl's" out expected
done

# --- objects ----------------------------------------------------------------------------------------------------------
section "import"
openssl genrsa -out own-rsa.pem 3072 2>/dev/null
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out own-ec.pem 2>/dev/null
for name in rsa ec; do
    [ $name = rsa ] && id=21 mechanism=SHA256-RSA-PKCS options=() input=data
    [ $name = ec ] && id=22 mechanism=ECDSA options=(--signature-format openssl) input=data.sha256
    openssl pkey -in own-$name.pem -outform DER -out own-$name.der
    openssl pkey -in own-$name.pem -pubout -outform DER -out own-$name-pub.der
    openssl pkey -in own-$name.pem -pubout -out own-$name.pub
    openssl req -x509 -new -key own-$name.pem -subj "/CN=own $name" -days 30 -outform DER -out own-$name-cert.der
    check "write-object $name private key" user --write-object own-$name.der --type privkey --id $id --label own-$name
    check "write-object $name public key" user --write-object own-$name-pub.der --type pubkey --id $id --label own-$name
    check "write-object $name certificate" user --write-object own-$name-cert.der --type cert --id $id --label own-$name
    check "  the certificate is read back" user --read-object --type cert --id $id --output-file out
    same "  unchanged" out own-$name-cert.der
    check "  the public key is read back" user --read-object --type pubkey --id $id --output-file out
    same "  unchanged" out own-$name-pub.der
    check "sign $mechanism with the imported key" sign $id $mechanism $input "${options[@]}"
    check "  verified by openssl" openssl dgst -sha256 -verify own-$name.pub -signature signature data
done
check "write-object data" user --write-object data --type data --label note --application-label tests
check "  it is read back" user --read-object --type data --label note --output-file out
same "  unchanged" out data
check "write-object private data" user --write-object data --type data --label diary --application-label tests --private
refuse "  it is not read without login" p11 --read-object --type data --label diary
check "  it is read with login" user --read-object --type data --label diary --output-file out

section "changing and deleting"
check "set-id" user --type cert --id 22 --set-id 23
check "  found under the new id" user --read-object --type cert --id 23 --output-file out
refuse "  not found under the old" user --read-object --type cert --id 22
check "delete-object cert" user --delete-object --type cert --id 23
check "delete-object privkey" user --delete-object --type privkey --id 22
check "delete-object pubkey" user --delete-object --type pubkey --id 22
check "delete-object secrkey" user --delete-object --type secrkey --id 17
check "delete-object data" user --delete-object --type data --label note
refuse "a deleted object is gone" user --read-object --type pubkey --id 22
refuse "  and cannot be deleted again" user --delete-object --type pubkey --id 22

# --- its own tests, with keys of every kind present ---------------------------------------------------------------------
section "pkcs11-tool's own tests"
SHOW=80
# Without --allow-sw it passes over what no hardware does, and that is everything here.
clean "--test" user --test --allow-sw --session-rw
said "  it has signed" "all 4 signature functions seem to work"
said "  and decrypted" "RSA-PKCS: OK"
said "  and found no errors" "^No errors"
clean "--test-ec" user --test-ec --session-rw --id 31 --key-type EC:prime256v1
clean "--test-fork" p11 --test-fork
# Pairs of letters: IN and IL initialise without and with locking, GI asks for the library, SL for the slots, T0 for the token.
# A process is initialised once: the other threads are told so, and that is the only refusal there may be.
# Meanwhile the main thread runs the tool's own tests: if it ended before them, the tool would sleep for 30 seconds. It
# finds its token by the slot's number, because the tool's threads write labels into one buffer.
SLOT=$(slot_id)
eight() {
    timeout --kill-after=5 120 pkcs11-tool --module "$MODULE" --slot "$SLOT" --login --pin "$PIN" --use-locking \
        $(printf -- "--test-threads $1 %.0s" 1 2 3 4 5 6 7 8) --test --allow-sw --session-rw &&
        ! grep CKR_ "$OUTPUT" | grep -vE 'CKR_OK|CKR_CRYPTOKI_ALREADY_INITIALIZED'
}
for letters in IN IL ILGISLT0 ILGISLT0GISLT0GISLT0; do
    says "--test-threads $letters, eight at once" "all threads have ended" eight $letters
    said "  beside --test, which found no errors" "^No errors"
done
unset SHOW

# --- PINs: last, for they change --------------------------------------------------------------------------------------
section "PINs"
officer() { p11 --login --login-type so --so-pin "$SO_PIN" "$@"; }
check "change-pin" user --change-pin --new-pin 654321
refuse "  the old PIN is refused" user --list-objects
PIN=654321
check "  the new one opens" user --list-objects
check "init-pin by the SO" officer --init-pin --new-pin 777777
refuse "  the old PIN is refused" user --list-objects
PIN=777777
check "  the new one opens" user --list-objects
check "  and the keys are still there" sign 01 SHA256-RSA-PKCS data
check "  verified by openssl" openssl dgst -sha256 -verify rsa.pub -signature signature data
check "change-pin of the SO" p11 --login --login-type so --so-pin "$SO_PIN" --change-pin --new-pin 87654321
refuse "  the old SO PIN is refused" officer --init-pin --new-pin 111111
SO_PIN=87654321
check "  the new one opens" officer --init-pin --new-pin 888888
PIN=888888
refuse "a PIN that is too short is refused" user --change-pin --new-pin 12
check "init-token empties the token" p11 --init-token --label "$LABEL" --so-pin "$SO_PIN"
check "  and a first PIN is set" officer --init-pin --new-pin 424242
PIN=424242
check "  the key is gone" bash -c '! pkcs11-tool --module "$0" --login --pin "$1" --list-objects | grep Key' "$MODULE" "$PIN"

finish
