#!/bin/sh
# Installs this bundle on a node:   ./install --role head|worker [options]     (./install --help lists them)
# Checks it only:                   ./install verify [--trusted-key FILE]
# Looks at the node only:           ./install preflight --role head|worker [options]
# Answers such a look of the others: ./install preflight --listen [options]
# From another place, as is right on noexec and FAT media:  sh /root/install --bundle /media/stick --role head
#
# It copies runtime.tar.gz to a private temporary folder, checks the copy's SHA-256, unpacks it, and starts the
# program in it. That program checks signature and contents of the bundle before it changes anything.

RUNTIME_SHA256=@RUNTIME_SHA256@

main() {
    set -eu
    umask 077
    case $0 in
        */*) bundle=${0%/*} ;;
        *) bundle=. ;;
    esac
    command=install
    left=$#
    while [ "$left" -gt 0 ]; do
        case $1 in
            --bundle) [ "$left" -gt 1 ] || fail 2 "--bundle: needs a folder"
                      bundle=$2; shift 2; left=$((left - 2)); continue ;;
            --bundle=*) bundle=${1#--bundle=}; shift; left=$((left - 1)); continue ;;
            verify | preflight) if [ "$left" -eq $# ]; then command=$1; shift; left=$((left - 1)); continue; fi ;;
        esac
        set -- "$@" "$1"
        shift
        left=$((left - 1))
    done
    bundle=$(CDPATH='' cd -- "$bundle" && pwd) || fail 7 "the bundle's folder cannot be entered"
    [ -f "$bundle/runtime.tar.gz" ] || fail_without_runtime

    [ "$(uname -m)" = x86_64 ] || fail 6 "this machine is $(uname -m), the bundle is for x86_64"

    folder=
    said=
    trap 'rm -rf -- "$folder"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' HUP TERM
    for place in "${TMPDIR:-/tmp}" /tmp /var/tmp /run /dev/shm /root; do
        unpack_in "$place" && break
        rm -rf -- "$folder"
        folder=
    done
    case $folder,$said in
        ,*/python3:*"not found"* | ,*/python3:*"ELF interpreter"*) fail 6 "this bundle is not for this machine's C library: $said" ;;
        ,*) fail 7 "no folder has room for 200 MB and lets programs run; set TMPDIR to one that does${said:+: $said}" ;;
    esac

    # In the background, so that a signal to this shell alone is not kept back until the program has ended.
    # There a command would lose its standard input, with which the program asks: it is carried over as 3.
    (exec 3<&0) 2>/dev/null || exec </dev/null
    exec 3<&0
    child=
    asked=
    trap 'pass_on INT' INT
    trap 'pass_on TERM' TERM
    trap 'pass_on HUP' HUP
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        LD_LIBRARY_PATH="$folder/python/lib/needed" VLLM_AIRGAP_RUNTIME="$folder/runtime.tar.gz" \
        TERM="${TERM:-dumb}" COLUMNS="${COLUMNS:-}" NO_COLOR="${NO_COLOR:-}" TMPDIR="${TMPDIR:-}" \
        "$folder/python/bin/python3" -I -B "$folder/program" "$command" "$bundle" "$@" <&3 3<&- &
    child=$!
    [ -z "$asked" ] || pass_on "$asked"
    code=0
    wait "$child" || code=$?
    while [ -n "$asked" ]; do # the signal ended the wait, not the program
        asked=
        again=0
        wait "$child" 2>/dev/null || again=$?
        case $again in 127 | -1) ;; *) code=$again ;; esac # it had ended all the same; bash may call that -1
    done
    exit "$code"
}

pass_on() {
    asked=$1
    [ -z "$child" ] || kill -s "$1" "$child" 2>/dev/null || :
}

unpack_in() {
    folder=$(mktemp -d "$1/vllm-airgap.XXXXXXXXXX" 2>/dev/null) || return 1
    said=$(cp -- "$bundle/runtime.tar.gz" "$folder/runtime.tar.gz" 2>&1) || return 1
    sum=$(sha256sum <"$folder/runtime.tar.gz")
    [ "${sum%% *}" = "$RUNTIME_SHA256" ] || fail 5 "$bundle/runtime.tar.gz: content differs: expected sha256 $RUNTIME_SHA256"
    said=$(tar -xzf "$folder/runtime.tar.gz" -C "$folder" 2>&1) || return 1
    said=$(LD_LIBRARY_PATH="$folder/python/lib/needed" "$folder/python/bin/python3" -I -B -c '' 2>&1)
}

fail_without_runtime() {
    [ ! -e "$bundle/SHA256SUMS" ] || fail 5 "$bundle/runtime.tar.gz: missing"
    [ "$command" = install ] || fail 3 "$bundle: not a bundle, or not whole: name with --bundle FOLDER the folder that holds install and SHA256SUMS"
    fail 2 "no bundle in $bundle: name it with --bundle FOLDER"
}

fail() {
    printf 'error: %s\n' "$2" >&2
    exit "$1"
}

main "$@"
