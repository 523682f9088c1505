#!/bin/bash
# GnuTLS: tokens by URI, keys made by p11tool, certificates by certtool.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
need p11tool certtool openssl

export GNUTLS_PIN=$PIN GNUTLS_SO_PIN=$SO_PIN
URI="pkcs11:token=$LABEL"
tool() { p11tool --provider "$MODULE" --batch "$@"; }
cert() { certtool --provider "$MODULE" "$@"; }

number=0
section "p11tool"
says "--list-tokens" "token=$LABEL" tool --list-tokens
says "--list-mechanisms" "CKM_SHA256_RSA_PKCS" tool --list-mechanisms "$URI"
check "--generate-random" tool --generate-random 64 --outfile random "$URI"
check "--generate-privkey rsa" tool --login --generate-privkey rsa --bits 2048 --label rsa --outfile rsa.pub "$URI"
check "--generate-privkey ecdsa" tool --login --generate-privkey ecdsa --curve secp256r1 --label ec --outfile ec.pub "$URI"
says "--list-all shows a key" "object=rsa;type=private" tool --login --list-all "$URI"

for name in rsa ec; do
    section "certificates: $name"
    check "--test-sign" tool --login --test-sign "$URI;object=$name;type=private"
    printf 'cn = "%s"\nca\nsigning_key\ncert_signing_key\nexpiration_days = 30\n' $name >template
    check "certtool makes a self-signed certificate" cert --generate-self-signed --template template --load-privkey "$URI;object=$name;type=private" \
        --load-pubkey $name.pub --outfile $name.crt
    check "  openssl verifies it" openssl verify -check_ss_sig -CAfile $name.crt $name.crt
    check "certtool makes a request" cert --generate-request --template template --load-privkey "$URI;object=$name;type=private" --load-pubkey $name.pub --outfile $name.csr
    check "  openssl verifies it" openssl req -in $name.csr -verify -noout
    check "p11tool writes the certificate" tool --login --write --load-certificate $name.crt --label $name --id 0$((++number)) "$URI"
    check "  and reads it back" tool --login --export "$URI;object=$name;type=cert" --outfile back.crt
    check "  unchanged" bash -c 'cmp <(openssl x509 -in "$0" -outform DER) <(openssl x509 -in back.crt -outform DER)' $name.crt
done
check "p11tool deletes a certificate" tool --login --delete "$URI;object=rsa;type=cert"
openssl genrsa -out own.pem 2048 2>/dev/null
check "p11tool imports a private key" tool --login --write --load-privkey own.pem --label own "$URI"
check "  and it signs" tool --login --test-sign "$URI;object=own;type=private"
check "p11tool imports a secret key" tool --login --write --secret-key 000102030405060708090a0b0c0d0e0f --label aes "$URI"

finish
