#!/bin/bash
# Java: keytool, jarsigner and the SunPKCS11 provider, with its default configuration and with `attributes = compatibility`.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
need java keytool jarsigner jar openssl

printf 'name = Default\nlibrary = %s\nslot = %d\n' "$MODULE" "$(slot_id)" >default.cfg
{ sed 's/Default/Compatibility/' default.cfg; echo 'attributes = compatibility'; } >compatibility.cfg
# A JVM is slow to start on a busy machine.
LIMIT=300

tool() { keytool "${@:2}" -keystore NONE -storetype PKCS11 -addprovider SunPKCS11 -providerarg "$1" -storepass "$PIN"; }

for config in default compatibility; do
    section "keytool, $config configuration"
    c=$config.cfg
    check "-genkeypair RSA" tool $c -genkeypair -alias $config-rsa -keyalg RSA -keysize 2048 -dname "CN=$config rsa" -validity 30
    check "-genkeypair EC" tool $c -genkeypair -alias $config-ec -keyalg EC -groupname secp256r1 -dname "CN=$config ec" -validity 30
    says "-list shows the RSA key" "$config-rsa, *PrivateKeyEntry" tool $c -list
    says "  and the EC key" "$config-ec, *PrivateKeyEntry" tool $c -list
    for kind in rsa ec; do
        check "-certreq $kind" tool $c -certreq -alias $config-$kind -file $config-$kind.csr
        check "  openssl verifies it" openssl req -in $config-$kind.csr -verify -noout
        check "-exportcert $kind" tool $c -exportcert -rfc -alias $config-$kind -file $config-$kind.crt
        check "  openssl verifies it" openssl verify -check_ss_sig -CAfile $config-$kind.crt $config-$kind.crt
    done
    refuse "a wrong PIN is refused" keytool -list -keystore NONE -storetype PKCS11 -addprovider SunPKCS11 -providerarg $c -storepass 999999
    check "-genkeypair of one to delete" tool $c -genkeypair -alias passing -keyalg EC -groupname secp384r1 -dname "CN=passing" -validity 30
    check "-delete" tool $c -delete -alias passing
    refuse "  it is gone" tool $c -list -alias passing
done

section "a PKCS#12 file goes into the token"
check "openssl makes the file" bash -c 'openssl req -x509 -newkey rsa:2048 -nodes -keyout own.pem -subj /CN=own -days 30 -out own.crt &&
    openssl pkcs12 -export -inkey own.pem -in own.crt -name own -passout pass:password -out own.p12'
check "keytool -importkeystore" keytool -importkeystore -noprompt -srckeystore own.p12 -srcstoretype PKCS12 -srcstorepass password \
    -destkeystore NONE -deststoretype PKCS11 -addprovider SunPKCS11 -providerarg default.cfg -deststorepass "$PIN"
check "  the imported key signs" tool default.cfg -certreq -alias own -file own.csr
check "  openssl verifies it" openssl req -in own.csr -verify -noout
check "  it is the same key" bash -c 'cmp <(openssl req -in own.csr -noout -pubkey) <(openssl pkey -in own.pem -pubout)'
check "-delete" tool default.cfg -delete -alias own

section "jarsigner"
for kind in rsa ec; do
    echo $kind >content && jar cf signed.jar content
    check "signs with the $kind key" jarsigner -keystore NONE -storetype PKCS11 -addprovider SunPKCS11 -providerArg default.cfg \
        -storepass "$PIN" signed.jar default-$kind
    says "  and verifies" "jar verified" jarsigner -verify signed.jar
done

for config in default compatibility; do
    section "SunPKCS11, $config configuration"
    timeout --kill-after=5 $LIMIT java "$ROOT/tests/clients/java/Token.java" "$WORK/$config.cfg" $config </dev/null >java.log 2>java.err
    status=$?
    # Its lines are of the same form as ours, and counted with them.
    grep -E '^  (ok|FAILED) ' java.log
    PASSED=$((PASSED + $(grep -c '^  ok ' java.log)))
    FAILED=$((FAILED + $(grep -c '^  FAILED ' java.log)))
    cp java.err "$OUTPUT"
    if [ $status -eq 0 ] && grep -q '^all tasks done$' java.log; then passed "the virtual machine ends in order"; else
        SHOW=12 failed "the virtual machine ends in order" "$(ending $status)" java Token.java; fi
done

finish
