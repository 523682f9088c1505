#!/bin/bash
# OpenSSL 3.0 by libp11's engine: requests, certificates, CMS and TLS with keys that stay in the token.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
need openssl pkcs11-tool
openssl engine pkcs11 >/dev/null 2>&1 || { echo "  FAILED  libengine-pkcs11-openssl is not installed (tests/run installs it)"; exit 1; }

export PKCS11_MODULE_PATH=$MODULE
key() { printf 'pkcs11:token=%s;object=%s;type=private;pin-value=%s' "$LABEL" "$1" "$PIN"; }
public() { printf 'pkcs11:token=%s;object=%s;type=public' "$LABEL" "$1"; }
# The engine's options for a command that takes a private key by -key, -inkey or -sign.
ENGINE="-engine pkcs11"
printf 'The quick brown fox jumps over the lazy dog.' >data

generate() { pkcs11-tool --module "$MODULE" --token-label "$LABEL" --login --pin "$PIN" --keypairgen --key-type "$2" --id "$3" --label "$1"; }

section "keys"
check "pkcs11-tool generates an RSA key" generate rsa rsa:2048 01
check "pkcs11-tool generates a P-256 key" generate ec EC:prime256v1 02
check "a key that does not exist is refused" bash -c '! openssl pkey -engine pkcs11 -inform engine -in "$0" -pubout' "$(key nobody)"

for name in rsa ec; do
    section "$name: certificates and signatures"
    check "the public key is read" openssl pkey $ENGINE -inform engine -pubin -in "$(public $name)" -pubout -out $name.pub
    check "  and by the private key's URI" openssl pkey $ENGINE -inform engine -in "$(key $name)" -pubout -out $name.again
    same "  it is the same" $name.pub $name.again
    check "certificate request" openssl req -new $ENGINE -keyform engine -key "$(key $name)" -subj "/CN=$name request" -out $name.csr
    check "  openssl verifies it" openssl req -in $name.csr -verify -noout
    check "self-signed certificate" openssl req -x509 -new $ENGINE -keyform engine -key "$(key $name)" -subj "/CN=localhost" \
        -addext subjectAltName=DNS:localhost -days 30 -out $name.crt
    check "  openssl verifies it" openssl verify -check_ss_sig -CAfile $name.crt $name.crt
    check "the request signed by the certificate's key" openssl x509 -req $ENGINE -in $name.csr -CA $name.crt -CAkeyform engine \
        -CAkey "$(key $name)" -CAcreateserial -days 30 -out $name-leaf.crt
    check "  openssl verifies it" openssl verify -CAfile $name.crt $name-leaf.crt
    for hash in sha256 sha384 sha512; do
        check "dgst -$hash -sign" openssl dgst $ENGINE -keyform engine -$hash -sign "$(key $name)" -out signature data
        check "  verified without the token" openssl dgst -$hash -verify $name.pub -signature signature data
        check "  verified by the engine" openssl dgst $ENGINE -keyform engine -$hash -verify "$(public $name)" -signature signature data
    done
    check "cms -sign" openssl cms -sign -nodetach -binary $ENGINE -keyform engine -inkey "$(key $name)" -signer $name.crt -in data -outform DER -out signed
    check "cms -verify" openssl cms -verify -binary -inform DER -in signed -CAfile $name.crt -purpose any -out verified
    same "  gives the content" verified data
done

section "rsa: padding and decryption"
check "dgst -sign with PSS" openssl dgst $ENGINE -keyform engine -sha256 -sign "$(key rsa)" \
    -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest -out signature data
check "  verified without the token" openssl dgst -sha256 -verify rsa.pub -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest -signature signature data
check "cms -sign with PSS" openssl cms -sign -nodetach -binary $ENGINE -keyform engine -inkey "$(key rsa)" -signer rsa.crt -keyopt rsa_padding_mode:pss \
    -in data -outform DER -out signed
check "  verified" openssl cms -verify -binary -inform DER -in signed -CAfile rsa.crt -purpose any -out verified
same "  gives the content" verified data
check "openssl encrypts" openssl pkeyutl -encrypt -pubin -inkey rsa.pub -in data -out ciphertext
check "pkeyutl -decrypt" openssl pkeyutl -decrypt $ENGINE -keyform engine -inkey "$(key rsa)" -in ciphertext -out out
same "  gives the plaintext" out data
oaep="-pkeyopt rsa_padding_mode:oaep"
check "openssl encrypts with OAEP" openssl pkeyutl -encrypt -pubin -inkey rsa.pub $oaep -in data -out ciphertext
check "pkeyutl -decrypt with OAEP" openssl pkeyutl -decrypt $ENGINE -keyform engine -inkey "$(key rsa)" $oaep -in ciphertext -out out
same "  gives the plaintext" out data
check "openssl cms -encrypt" openssl cms -encrypt -binary -aes256 -in data -outform DER -out enveloped rsa.crt
check "cms -decrypt" openssl cms -decrypt -binary $ENGINE -keyform engine -inkey "$(key rsa)" -recip rsa.crt -inform DER -in enveloped -out out
same "  gives the content" out data

# --- TLS --------------------------------------------------------------------------------------------------------------
# serve CONNECTIONS OPTION…: s_server on a port of the system's choice, which ends by itself after so many connections.
# Its process is in $SERVER, its port in $PORT.
serve() {
    : >server.log
    timeout --kill-after=5 120 stdbuf -oL openssl s_server -naccept "$1" -accept localhost:0 "${@:2}" >server.log 2>&1 </dev/zero &
    SERVER=$!
    for _ in $(seq 100); do
        PORT=$(sed -n 's/^ACCEPT .*:\([0-9]*\)$/\1/p' server.log)
        [ -n "$PORT" ] && { passed "s_server starts"; return 0; }
        kill -0 $SERVER 2>/dev/null || break
        sleep 0.1
    done
    cp server.log "$OUTPUT"
    failed "s_server starts" "it does not listen" openssl s_server "${@:2}"
}
# The end of the process is where modules are known to crash: it must be orderly.
served() {
    local status
    wait $SERVER
    status=$?
    cp server.log "$OUTPUT"
    if [ $status -eq 0 ]; then passed "s_server ends without a crash"; else failed "s_server ends without a crash" "$(ending $status)" s_server; fi
}
handshake() { openssl s_client -connect "localhost:$PORT" -servername localhost -CAfile "$1.crt" -verify_return_error "${@:2}"; }
fetch() { printf 'GET / HTTP/1.0\r\n\r\n' | handshake "$1" "${@:2}" -quiet; }
ten() { local i; for i in 1 2 3 4 5 6 7 8 9 10; do handshake "$1" -tls1_3 || return; done; }

for name in rsa ec; do
    section "$name: TLS"
    serve 14 -www $ENGINE -keyform engine -key "$(key $name)" -cert $name.crt
    for version in 1.3 1.2; do
        option=-tls${version/./_}
        says "s_client completes a TLS $version handshake" "^New, TLSv$version, " handshake $name $option
        said "  with the certificate verified" "Verify return code: 0 \(ok\)"
        says "  and gets a page through it" "HTTP/1.0 200 ok" fetch $name $option
    done
    check "ten more handshakes" ten $name
    served
done

section "a client certificate from the token"
check "openssl makes a server's own key" openssl req -x509 -newkey rsa:2048 -nodes -keyout plain.pem -subj /CN=localhost -days 30 -out plain.crt
serve 1 -www -key plain.pem -cert plain.crt -CAfile ec.crt -Verify 1 -verify_return_error
says "the client proves itself with the token's key" "HTTP/1.0 200 ok" fetch plain $ENGINE -keyform engine -key "$(key ec)" -cert ec.crt
served

finish
