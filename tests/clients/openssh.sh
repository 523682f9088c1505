#!/bin/bash
# OpenSSH: public keys from the token, and an agent that signs with it.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
need ssh-keygen ssh-agent ssh-add pkcs11-tool

generate() { pkcs11-tool --module "$MODULE" --token-label "$LABEL" --login --pin "$PIN" --keypairgen --key-type "$2" --id "$3" --label "$1"; }
check "pkcs11-tool generates an RSA key" generate rsa rsa:2048 01
check "pkcs11-tool generates a P-256 key" generate ec EC:prime256v1 02
printf 'The quick brown fox' >data

section "ssh-keygen"
says "-D lists the RSA key" "^ssh-rsa AAAA.* rsa$" ssh-keygen -D "$MODULE"
said "  and the P-256 key" "^ecdsa-sha2-nistp256 AAAA.* ec$"
grep '^ssh-rsa' "$OUTPUT" >rsa.pub
grep '^ecdsa' "$OUTPUT" >ec.pub

section "ssh-agent"
printf '#!/bin/sh\necho "$PIN"\n' >askpass && chmod +x askpass
export SSH_ASKPASS=$WORK/askpass SSH_ASKPASS_REQUIRE=force SSH_AUTH_SOCK=$WORK/agent
# -D: not in the background, so that it ends with this script; -P: modules that it may load.
ssh-agent -D -a "$SSH_AUTH_SOCK" -P "$MODULE" >agent.log 2>&1 &
AGENT=$!
for _ in $(seq 100); do [ -S "$SSH_AUTH_SOCK" ] && break; sleep 0.1; done
check "ssh-add -s loads the module with the PIN" ssh-add -s "$MODULE"
says "ssh-add -L lists the RSA key" "^ssh-rsa" ssh-add -L
said "  and the P-256 key" "^ecdsa-sha2-nistp256"
verify() { ssh-keygen -Y verify -f signers -I somebody -n file -s data.sig <data; }
for kind in rsa ec; do
    rm -f data.sig
    printf 'somebody %s\n' "$(cat $kind.pub)" >signers
    check "the agent signs with the $kind key" ssh-keygen -Y sign -U -f $kind.pub -n file data
    says "  and ssh-keygen verifies it" "Good .* signature" verify
done
check "ssh-add -e unloads the module" ssh-add -e "$MODULE"
refuse "  it has no keys any more" ssh-add -L
check "the agent is still there" kill -0 $AGENT
kill $AGENT
wait $AGENT 2>/dev/null

finish
