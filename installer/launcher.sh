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
NAME_IT="name the folder that holds install and SHA256SUMS: sh $0 --bundle FOLDER ..."

main() {
    set -eu
    umask 077
    case $0 in
        */*) bundle=${0%/*} ;;
        *) bundle=. ;;
    esac
    command=
    named=
    wants_help=
    left=$#
    while [ "$left" -gt 0 ]; do
        case $1 in
            --bundle) if [ "$left" -eq 1 ] || [ -z "$2" ]; then fail 2 "--bundle: needs a folder" "$NAME_IT"; fi
                      named=$2; shift 2; left=$((left - 2)); continue ;;
            --bundle=?*) named=${1#--bundle=}; shift; left=$((left - 1)); continue ;;
            --bundle=) fail 2 "--bundle: needs a folder" "$NAME_IT" ;;
            -h | --help) wants_help=yes ;;
            install | verify | preflight) if [ -z "$command" ] && [ "$left" -eq $# ]; then
                      command=$1; shift; left=$((left - 1)); continue; fi ;;
        esac
        set -- "$@" "$1"
        shift
        left=$((left - 1))
    done
    command=${command:-install}
    looked_in=${named:-$bundle}
    bundle=$(CDPATH='' cd -- "$looked_in" 2>/dev/null && pwd) || without_folder
    [ -f "$bundle/runtime.tar.gz" ] || without_runtime

    [ "$(uname -m)" = x86_64 ] || fail 6 "this machine is $(uname -m), the bundle is for x86_64"

    folder=
    said=
    trap 'rm -rf -- "$folder"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' HUP TERM
    for place in "${TMPDIR:-/tmp}" /tmp /var/tmp /run /dev/shm /root; do
        remove_left_in "$place"
        unpack_in "$place" && break
        rm -rf -- "$folder"
        folder=
    done
    case $folder,$said in
        ,*/python3:*"not found"* | ,*/python3:*"ELF interpreter"*) fail 6 "this bundle is not for this machine's C library: $said" ;;
        ,*) fail 7 "no folder has room for 200 MB and lets programs run${said:+: $said}" \
                "set TMPDIR to one that does: TMPDIR=FOLDER sh $0 ..." ;;
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
        VLLM_AIRGAP_LAUNCHER="$0" VLLM_AIRGAP_BUNDLE="$named" \
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

# Of a run that was killed: what is ours, not empty, and locked by nobody.
remove_left_in() {
    command -v flock >/dev/null || return 0
    for left in "$1"/vllm-airgap.run.??????????; do
        [ -e "$left/runtime.tar.gz" ] || [ -e "$left/python" ] || continue
        [ ! -e "$left/SHA256SUMS" ] || continue
        [ -n "$(find "$left" -prune -type d -user "$(id -u)" 2>/dev/null)" ] || continue
        (exec 9<"$left" && flock -n 9 && rm -rf -- "$left") 2>/dev/null || :
    done
}

unpack_in() {
    folder=$(mktemp -d "$1/vllm-airgap.run.XXXXXXXXXX" 2>/dev/null) || return 1
    exec 9<"$folder" # the program has it too: locked while one of the two lives, and before anything is in it
    flock -n 9 2>/dev/null || :
    said=$(cp -- "$bundle/runtime.tar.gz" "$folder/runtime.tar.gz" 2>&1) || return 1
    sum=$(sha256sum <"$folder/runtime.tar.gz")
    [ "${sum%% *}" = "$RUNTIME_SHA256" ] || fail 5 \
        "$bundle/runtime.tar.gz: content differs: expected sha256 $RUNTIME_SHA256" \
        "copy this file again from where the bundle was built; a copy of install must be this very bundle's"
    said=$(tar -xzf "$folder/runtime.tar.gz" -C "$folder" 2>&1) || return 1
    said=$(LD_LIBRARY_PATH="$folder/python/lib/needed" "$folder/python/bin/python3" -I -B -c '' 2>&1)
}

without_folder() {
    bundle=$looked_in
    [ -z "$wants_help" ] || tell_usage
    fail 7 "$bundle: there is no folder that can be entered" "$NAME_IT"
}

without_runtime() {
    [ -z "$wants_help" ] || tell_usage
    [ ! -e "$bundle/SHA256SUMS" ] || fail 5 "$bundle/runtime.tar.gz: missing" "copy the bundle again from where it was built"
    fail 7 "$bundle: no bundle is in this folder" "$NAME_IT"
}

tell_usage() { # the program, which knows more, is not there
    word=
    [ "$command" = install ] || word=" $command"
    cat <<EOF
Usage: sh $0 [--bundle FOLDER] [preflight | verify] [OPTION ...]

  (no word)    make this node a part of the cluster:
               --role head|worker --nodes IP,IP,...
               --trusted-key FILE, or --fingerprint SHA256
  preflight    tell what would keep an install from succeeding, with the same
               options; changes nothing
  verify       check signature and contents of the bundle; changes nothing

A bundle is a folder with install, SHA256SUMS and runtime.tar.gz. It is looked
for in FOLDER, or else in the folder that the file named behind sh lies in.
There is no whole one in $bundle.

The bundle has the program that knows all options. Where there is one, type:
  sh $0 --bundle FOLDER$word --help
EOF
    exit 0
}

fail() { # CODE WHAT [HINT]
    printf 'error: %s\n' "$2" >&2
    [ $# -lt 3 ] || printf 'hint: %s\n' "$3" >&2
    exit "$1"
}

main "$@"
