# Sourced by every script of this directory: a token of its own, and the words the scripts are written in.
#
#   check WHAT COMMAND…     the command must succeed
#   refuse WHAT COMMAND…    the command must fail, by an exit status of its own (a crash is no refusal)
#   clean WHAT COMMAND…     the command must succeed and report no error in what it prints
#   same WHAT FILE FILE     both files exist, with something in them, and are equal
#   says WHAT PATTERN COMMAND…   the command must succeed and print something that matches; said WHAT PATTERN: the last one did
#
# A script ends with `finish`. Every check is counted; a failed one shows the command and its output.
#
# Parameters, from the environment:
#   TOKEN    strongroom (default), or softhsm: the same script on SoftHSM2 tells whose fault a failure is
#   PROFILE  debug (default) or release: which build of Strongroom
#   ENGINE   vault (default), or in-process: the engine inside the program, for one process at a time
#   MODULE, STRONGROOM   the module and the binary, where they are not in target/PROFILE
set -uo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
TOKEN=${TOKEN:-strongroom}
PROFILE=${PROFILE:-debug}
TARGET=${CARGO_TARGET_DIR:-$ROOT/target}/$PROFILE
STRONGROOM=${STRONGROOM:-$TARGET/strongroom}

export LABEL=clients
export PIN=123456
export SO_PIN=12345678

PASSED=0
FAILED=0
WORK=$(mktemp -d "${TMPDIR:-/tmp}/strongroom-client.XXXXXX")
OUTPUT=$WORK/output
cd "$WORK" || exit 1

# --- the words -------------------------------------------------------------------------------------------------------

passed() {
    PASSED=$((PASSED + 1))
    printf '  ok      %s\n' "$1"
}

# failed WHAT WHY COMMAND…: shows what was run and what it said.
failed() {
    FAILED=$((FAILED + 1))
    printf '  FAILED  %s: %s\n' "$1" "$2"
    if [ $# -gt 2 ]; then
        printf '          %s\n' "${*:3}"
        tail -n "${SHOW:-15}" "$OUTPUT" | sed 's/^/          | /'
    fi
}

# run COMMAND…: its output in $OUTPUT, its exit status as the result. No client may wait for a person, or for ever.
run() {
    if [ "$(type -t "$1")" = function ]; then
        "$@" >"$OUTPUT" 2>&1 </dev/null
    else
        timeout --kill-after=5 "${LIMIT:-120}" "$@" >"$OUTPUT" 2>&1 </dev/null
    fi
}

ending() {
    if [ "$1" -eq 124 ]; then echo "no end after ${LIMIT:-120} s"
    elif [ "$1" -gt 128 ]; then echo "died by signal $(($1 - 128))"
    else echo "exit status $1"; fi
}

check() {
    local what=$1 status
    shift
    run "$@"
    status=$?
    if [ $status -eq 0 ]; then passed "$what"; else failed "$what" "$(ending $status)" "$@"; fi
    return $status
}

refuse() {
    local what=$1 status
    shift
    run "$@"
    status=$?
    if [ $status -gt 0 ] && [ $status -lt 124 ]; then passed "$what"; return 0; fi
    [ $status -eq 0 ] && failed "$what" "was not refused" "$@" || failed "$what" "$(ending $status)" "$@"
    return 1
}

# Words by which clients that carry on after an error tell of it.
ERRORS='(^|[^a-z])(error|errors|failed|ERR|cryptoki error)([^a-z]|$)|CKR_[A-Z]'

clean() {
    local what=$1 status
    shift
    run "$@"
    status=$?
    if [ $status -ne 0 ]; then failed "$what" "$(ending $status)" "$@"; return 1; fi
    if grep -viE 'no errors?( |$)|0 errors' "$OUTPUT" | grep -qiE "$ERRORS"; then
        SHOW=60 failed "$what" "errors in its output" "$@"
        return 1
    fi
    passed "$what"
}

same() {
    if [ -s "$2" ] && cmp -s "$2" "$3"; then passed "$1"; else : >"$OUTPUT"; failed "$1" "$2 and $3 differ"; fi
}

# says WHAT PATTERN COMMAND…: succeeds, and prints something that matches.
says() {
    local what=$1 pattern=$2 status
    shift 2
    run "$@"
    status=$?
    if [ $status -ne 0 ]; then failed "$what" "$(ending $status)" "$@"; return 1; fi
    if grep -qE -- "$pattern" "$OUTPUT"; then passed "$what"; else failed "$what" "does not say '$pattern'" "$@"; return 1; fi
}

# said WHAT PATTERN: the last command printed something that matches.
said() { if grep -qE -- "$2" "$OUTPUT"; then passed "$1"; else failed "$1" "does not say '$2'"; fi; }

section() { printf '%s\n' "$1"; }

need() {
    local tool
    for tool in "$@"; do
        command -v "$tool" >/dev/null || { echo "  FAILED  $tool is not installed (tests/run installs it)"; exit 1; }
    done
}

finish() {
    end_token
    printf '%d passed, %d failed\n' "$PASSED" "$FAILED"
    [ "$FAILED" -eq 0 ]
    exit
}

# --- the token -------------------------------------------------------------------------------------------------------

begin_strongroom() {
    local candidate
    if [ -z "${MODULE:-}" ]; then
        for candidate in "$TARGET/libstrongroom_pkcs11.so" "$TARGET/deps/libstrongroom_pkcs11.so"; do
            [ -f "$candidate" ] && MODULE=$candidate && break
        done
    fi
    export MODULE=${MODULE:?no libstrongroom_pkcs11.so in $TARGET: run cargo build --workspace}
    export STRONGROOM_HOME=$WORK/home
    export PATH=$TARGET:$PATH
    mkdir -m 700 "$STRONGROOM_HOME"
    # Guessing a PIN need not be dear here.
    printf 'engine = "%s"\n[pin]\nmemory-kib = 64\npasses = 1\n' "${ENGINE:-vault}" >"$STRONGROOM_HOME/strongroom.toml"
    STRONGROOM_PIN=$PIN STRONGROOM_SO_PIN=$SO_PIN run "$STRONGROOM" token init --slot 0 --label "$LABEL"
}

begin_softhsm() {
    export MODULE=${MODULE:-/usr/lib/softhsm/libsofthsm2.so}
    export SOFTHSM2_CONF=$WORK/softhsm2.conf
    mkdir "$WORK/tokens"
    printf 'directories.tokendir = %s\nobjectstore.backend = file\n' "$WORK/tokens" >"$SOFTHSM2_CONF"
    run softhsm2-util --init-token --free --label "$LABEL" --pin "$PIN" --so-pin "$SO_PIN"
}

# The vaults of this home: processes of ours, known by the home on their command line.
vaults() {
    local process
    for process in /proc/[0-9]*; do
        [ "$(cat "$process/comm" 2>/dev/null)" = strongroom ] || continue
        tr '\0' '\n' 2>/dev/null <"$process/cmdline" | grep -qxF "$WORK/home" && echo "${process#/proc/}"
    done
}

# The vault ends when its directory is gone: that it does is a check of its own.
end_token() {
    local tries
    cd / || exit 1
    rm -rf "$WORK"
    mkdir -p "$WORK"
    [ "$TOKEN" = strongroom ] || return 0
    for tries in $(seq 50); do
        [ -z "$(vaults)" ] && { passed "the vault has ended with its directory"; return 0; }
        sleep 0.2
    done
    : >"$OUTPUT"
    failed "the vault has ended with its directory" "still there after 10 s: $(vaults)"
}

leave() {
    local vault
    for vault in $(vaults); do kill "$vault" 2>/dev/null; done
    for child in $(jobs -p); do kill "$child" 2>/dev/null; done
    rm -rf "$WORK"
}
trap leave EXIT
trap 'exit 130' INT TERM

begin_token() {
    if ! "begin_$TOKEN"; then
        echo "  FAILED  a new token ($TOKEN)"
        sed 's/^/          | /' "$OUTPUT"
        echo "0 passed, 1 failed"
        exit 1
    fi
    printf 'token %s, module %s\n' "$TOKEN" "$MODULE"
}

# The slot's number, for clients that want one.
slot_id() {
    pkcs11-tool --module "$MODULE" --list-token-slots | sed -n 's/^Slot [0-9]* (\(0x[0-9a-f]*\)).*/\1/p' | head -n 1
}

begin_token
