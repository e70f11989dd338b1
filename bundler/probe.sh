#!/bin/sh
# Writes down what this machine is, so that a bundle can be checked against it before anybody travels with one.
#
#   sh probe.sh [FILE]     writes FILE, or else site-HOSTNAME.json beside this script; - is standard output
#
# Run it on each GPU node, as root if you can, and carry each FILE to the connected machine. There:
#   bundle lint MANIFEST --site FILE [--site FILE ...]
#
# It changes nothing but FILE, which is made anew, readable by its owner alone (mode 0600), and never replaces another
# file. It sends nothing anywhere. A command gets some seconds, nvidia-smi three minutes, where there is `timeout`; of
# each answer 256 KiB count.
#
# FILE is text (JSON) and holds the raw answers to the questions in `look`, at the end of this script:
#   system    release, kernel, C library, systemd, SELinux, Secure Boot, clock, where some programs are
#   storage   mount points with their devices, file systems, sizes and flags, and what xfs_info says of them; memory
#   network   host name and its addresses, interfaces with MTU and IPv4 addresses, default route, TCP ports that
#             somebody listens on, names of RDMA devices, whether firewalld or ufw is on
#   GPUs      all devices of the PCI bus by their numbers; GPUs as nvidia-smi tells them, and who holds their memory
#   driver    NVIDIA's module and what has to do with it: nouveau, Secure Boot, compiler, kernel headers, services
#   docker    versions, packages and state of docker, containerd, toolkit; names and images of docker's containers
#
# Left out, by the filters below, before anything is written: serial numbers and hardware addresses; the end of GPU
# UUIDs; environment, command lines, labels and mounts of containers; proxies and registries of docker; folders of
# programs on the GPUs; values of mount options; all of the kernel's command line and of modprobe.d that is not about
# nouveau; addresses that connections lead to; names of users. A mount point or host name may tell one all the same.

set -u
umask 077
LC_ALL=C
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
root= # tests look below another one
most=262144 # bytes of one answer
most_words=4096 # bytes of what a command says on standard error
line_end='
'

# --- filters: what of an answer is written

all() { cat; }

no_hardware_address() { sed 's/\\  *link\/.*//'; }

listening() { awk '$4 == "0A"'; }

about_nouveau() { grep nouveau; }

words_about_nouveau() { tr -s ' ' '\n' | grep nouveau | tr '\n' ' '; }

nvidia_and_nouveau() { awk '$1 ~ /^(nvidia|nouveau)/ { print $1, $2, $3, "-" }'; }

mark_of_container() { tr '\000' '\n' | grep '^container=' | tr '\n' '\000'; }

flags_without_values() {
    awk '{
        count = split($4, options, ",")
        flags = ""
        for (i = 1; i <= count; i++) if (options[i] !~ /=/) flags = flags (flags == "" ? "" : ",") options[i]
        print $1, $2, $3, (flags == "" ? "-" : flags), 0, 0
    }'
}

short_uuid() { sed 's/\([GM][PI][UG]-[0-9a-f]\{4\}\)[0-9a-f/-]*/\1/g'; } # GPU-, MIG-

short_uuid_and_name() { short_uuid | sed 's/^\(.*, \)\([^,]*\/\)\([^/]*\)$/\1\3/'; }

brand_and_fabric() { sed -n '/<product_brand>/p; /<fabric>/{p;n;/<state>/p;}'; }

without_builder() { sed 's/([^()]*@[^()]*)//'; }

secure_boot() { grep '^SecureBoot-'; }

locks_of_displays() { grep '^\.X[0-9]*-lock$'; }

of_info() { members ServerVersion DockerRootDir Driver CgroupDriver Runtimes SecurityOptions ServerErrors; }

of_containers() { members Names Image State Status Labels; }

members() { # NAMES: of each line, a JSON object, these members; of Labels our own alone, of SecurityOptions SELinux
    awk -v wanted=" $* " '
        function keep(member,    name) {
            if (!match(member, /^ *"[A-Za-z]*" *:/)) return
            name = substr(member, 1, RLENGTH)
            gsub(/[ ":]/, "", name)
            if (index(wanted, " " name " ") == 0) return
            if (name == "Labels")
                member = "\"Labels\":\"" (match(member, /vllm-airgap=[^,"]*/) ? substr(member, RSTART, RLENGTH) : "") "\""
            if (name == "SecurityOptions")
                member = "\"SecurityOptions\":[" (member ~ /"name=selinux"/ ? "\"name=selinux\"" : "") "]"
            kept = kept (kept == "" ? "" : ",") member
        }
        substr($0, 1, 1) == "{" {
            kept = ""
            depth = quoted = 0
            start = 2
            size = length($0)
            for (i = 1; i <= size; i++) {
                char = substr($0, i, 1)
                if (quoted) {
                    if (char == "\\") i++
                    else if (char == "\"") quoted = 0
                }
                else if (char == "\"") quoted = 1
                else if (char == "{" || char == "[") depth++
                else if (char == "}" || char == "]") {
                    if (--depth == 0) keep(substr($0, start, i - start))
                }
                else if (char == "," && depth == 1) {
                    keep(substr($0, start, i - start))
                    start = i + 1
                }
            }
            print "{" kept "}"
        }
    '
}

# --- JSON: each byte is the character of its number, so that any byte survives

quoting='
    BEGIN {
        for (n = 0; n < 256; n++) char[n] = (n < 32 || n > 126) ? sprintf("\\u%04x", n) : sprintf("%c", n)
        char[9] = "\\t"
        char[10] = "\\n"
        char[34] = "\\\""
        char[92] = "\\\\"
    }
'

quote() { # BYTES: standard input as a string, of its first BYTES
    { od -An -v -tu1 -N "$1"; cat >/dev/null; } | awk "$quoting"'
        { for (i = 1; i <= NF; i++) said[NR] = said[NR] char[$i] }
        END {
            printf "\""
            for (i = 1; i <= NR; i++) printf "%s", said[i]
            print "\""
        }
    '
}

quote_lines() { # standard input as a list of strings, one for each line
    { od -An -v -tu1 -N "$most"; cat >/dev/null; } | awk "$quoting"'
        BEGIN { printf "[" }
        {
            for (i = 1; i <= NF; i++) {
                if ($i != 10 && !inside) printf "%s", (count++ ? ", \"" : "\"")
                if ($i == 10 && inside) printf "\""
                if ($i != 10) printf "%s", char[$i]
                inside = $i != 10
            }
        }
        END { print (inside ? "\"]" : "]") }
    '
}

quote_word() { # WORD: quickly, where nothing in it needs care
    case $1 in
        *[!A-Za-z0-9/._:@=+-]*) printf '%s' "$1" | quote "$most" ;;
        *) printf '"%s"\n' "$1" ;;
    esac
}

next_entry() {
    [ "$entries" = 0 ] || printf ',\n'
    entries=$((entries + 1))
}

# --- the questions

ask() { ask_for all "$@"; } # SECONDS COMMAND ...

ask_for() { # FILTER SECONDS COMMAND ...: leaves in `code` how it ended
    filter=$1
    shift
    next_entry
    printf '{"ask": '
    printf '%s\n' "$@" | sed 1d | quote_lines
    look_for "$2"
    if [ -z "$place" ]; then
        code=127
        printf ', "out": "", "err": %s, "code": 127}' "$(quote_word "$2: not found")"
        return
    fi
    printf ', "out": '
    # The output goes on by 3. The code comes by 4, before the complaints, which are written when all has ended.
    { ended=$({
        {
            { run "$@" 3>&- 4>&-; printf '%s\n' "$?" >&4; } | "$filter" 2>/dev/null 4>&- | quote "$most" >&3 4>&-
        } 2>&1 | quote "$most_words" 3>&- 4>&-
    } 4>&1); } 3>&1
    code=${ended%%"$line_end"*}
    printf ', "err": %s, "code": %s' "${ended#*"$line_end"}" "$code"
    if was_late; then printf ', "late": %s' "$1"; fi
    printf '}'
}

was_late() { case $limit,$code in timeout,124 | timeout,137) ;; *) return 1 ;; esac; } # what was asked last

words_of() { # SECONDS COMMAND ...: what it says, for what is asked next
    run "$@" 2>/dev/null
}

run() { # SECONDS COMMAND ..., which sees nothing of our environment; by its path, as a shell may have its own
    seconds=$1
    shift
    look_for "$1"
    shift
    set -- "$root$place" "$@"
    [ "$limit" = none ] || set -- timeout -k 1 "$seconds" "$@"
    env -i PATH="$PATH" LC_ALL=C HOME=/root "$@" </dev/null
}

see() { see_for all "$1"; } # FILE

see_for() { # FILTER FILE
    next_entry
    printf '{"read": %s, ' "$(quote_word "$2")"
    if ! [ -e "$root$2" ]; then
        printf '"absent": true}'
    elif [ -d "$root$2" ] || ! [ -r "$root$2" ]; then
        printf '"unreadable": true}'
    else
        printf '"text": '
        { "$1" <"$root$2" | quote "$most"; } 2>/dev/null
        printf '}'
    fi
}

see_whether() { # FILE is there, whatever is in it
    if [ -f "$root$1" ]; then
        next_entry
        printf '{"read": %s, "text": ""}' "$(quote_word "$1")"
    else
        see "$1"
    fi
}

list() { list_for all "$1"; } # FOLDER

list_for() { # FILTER FOLDER
    next_entry
    printf '{"names": %s, "are": ' "$(quote_word "$2")"
    # shellcheck disable=SC2012  # find has no -maxdepth in POSIX
    { ls -A "$root$2/" | "$1" | quote_lines; } 2>/dev/null
    printf '}'
}

find_on_path() { # PROGRAM ...
    for name; do
        look_for "$name"
        next_entry
        printf '{"finds": "%s", "at": %s}' "$name" "$(quote_word "$place")"
    done
}

look_for() { # PROGRAM: leaves in `place` where it is, "" where it is not
    place=
    case $1 in
        /*) if [ -f "$root$1" ] && [ -x "$root$1" ]; then place=$1; fi; return ;;
    esac
    colon_between=$PATH:
    while [ -n "$colon_between" ]; do
        folder=${colon_between%%:*}
        colon_between=${colon_between#*:}
        if [ -f "$folder/$1" ] && [ -x "$folder/$1" ]; then
            place=${folder#"$root"}/$1
            return
        fi
    done
}

owned=
ask_owner() { # FILE: of which package it is; asked once
    case "$line_end$owned" in *"$line_end$1$line_end"*) return ;; esac
    owned=$owned$1$line_end
    ask 30 dpkg-query -S "$1" # which reads the lists of all packages
    ask 30 rpm -qf --queryformat '%{NAME}\n' "$1"
}

ask_program() { # PROGRAM: its version and package
    find_on_path "$1"
    [ -n "$place" ] || return 0
    path=$place
    ask 10 "$path" --version
    ask_owner "$path"
}

ask_xfs() { # whether overlays work there; not of what only pods see, nor of names with blanks
    mounts=$(awk '$3 == "xfs" && $2 !~ /\\|\/kubelet\/pods\// { print $2 }' "$root/proc/mounts" 2>/dev/null)
    set -f
    for mount in $mounts; do
        ask 5 xfs_info "$mount"
    done
    set +f
}

ask_nvidia_smi() { # an old driver names the first field that it does not know, and tells nothing
    fields=index,uuid,driver_version,memory.total,memory.used,compute_cap,pci.bus_id
    fields=$fields,mig.mode.current,persistence_mode,ecc.mode.current,name
    waking=180 # seconds: without persistence each call wakes all GPUs
    while ask_for short_uuid $waking nvidia-smi "--query-gpu=$fields" --format=csv && [ "$code" != 0 ]; do
        was_late && return
        unknown=$(run $waking nvidia-smi "--query-gpu=$fields" --format=csv 2>&1 |
            sed -n 's/.*Field "\([a-z_.]*\)" is not a valid field.*/\1/p')
        unknown=${unknown%%"$line_end"*}
        case $unknown,,$fields, in
            ,*) return ;;
            *",$unknown,"*) fields=$(printf '%s' ",$fields," | sed "s/,$unknown,/,/; s/^,//; s/,\$//") ;;
            *) return ;;
        esac
    done
    used=pid,gpu_uuid,used_memory,process_name
    ask_for short_uuid_and_name $waking nvidia-smi "--query-compute-apps=$used" --format=csv
    was_late && return
    ask_for brand_and_fabric $waking nvidia-smi -q -x -i 0
}

look() {
    # system
    see /etc/os-release
    see /usr/lib/os-release
    ask 5 uname -rm
    kernel=$(words_of 5 uname -rm)
    kernel=${kernel%% *}
    ask 5 getconf GNU_LIBC_VERSION
    list /run/systemd
    ask 5 systemctl --version
    see_for flags_without_values /proc/mounts
    see_whether /.dockerenv
    see_whether /run/.containerenv
    see /run/systemd/container
    see_for mark_of_container /proc/1/environ
    see /sys/fs/selinux/enforce
    list_for secure_boot /sys/firmware/efi/efivars
    ask 5 od -An -tu1 /sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c
    ask 5 date +%s
    find_on_path apt-get dpkg dpkg-query rpm snap systemctl journalctl getent groupadd ip iptables nft tar xz
    find_on_path modprobe modinfo depmod dracut update-initramfs mokutil restorecon
    find_on_path nvidia-uninstall nvidia-persistenced docker podman

    # storage
    ask 3 df -kP
    ask 3 df -klP
    see /proc/meminfo
    find_on_path xfs_info
    [ -z "$place" ] || ask_xfs

    # network
    ask 5 ip -o -4 addr show
    ask_for no_hardware_address 5 ip -o link show
    ask 5 ip -4 route show default
    see /proc/sys/kernel/hostname
    host=
    [ ! -r "$root/proc/sys/kernel/hostname" ] || read -r host <"$root/proc/sys/kernel/hostname" || :
    if [ -n "$host" ]; then
        ask 2 getent ahostsv4 "$host"
        ask 5 getent -s files ahostsv4 "$host"
    fi
    ask 5 systemctl is-active firewalld.service ufw.service
    see /etc/ufw/ufw.conf
    see_for listening /proc/net/tcp
    see_for listening /proc/net/tcp6
    list /sys/class/infiniband
    see /proc/sys/net/ipv4/ip_local_port_range

    # GPUs
    list /sys/bus/pci/devices
    for device in "$root"/sys/bus/pci/devices/*; do
        [ ! -e "$device" ] || see "${device#"$root"}/uevent"
    done
    find_on_path nvidia-smi
    nvidia_smi=$place
    [ -z "$nvidia_smi" ] || ask_nvidia_smi

    # driver
    see /proc/driver/nvidia/version
    see /sys/module/nvidia/version
    see_for nvidia_and_nouveau /proc/modules
    for module in nvidia nvidia-current; do
        ask 5 modinfo "$module"
        file=$(words_of 5 modinfo "$module" | sed -n 's/^filename: *\(\/.*\)/\1/p')
        [ -z "$file" ] || ask_owner "$file"
    done
    if [ -n "$nvidia_smi" ]; then
        ask_owner "$nvidia_smi"
        ask 5 readlink -f "$nvidia_smi"
        behind=$(words_of 5 readlink -f "$nvidia_smi")
        case $behind in /*) ask_owner "$behind" ;; esac
    fi
    for folder in /etc/modprobe.d /run/modprobe.d /usr/lib/modprobe.d /lib/modprobe.d; do
        settings=$folder
        list "$settings"
        for file in "$root$settings"/*.conf "$root$settings"/.*.conf; do
            [ ! -e "$file" ] || see_for about_nouveau "${file#"$root"}"
        done
    done
    see_for words_about_nouveau /proc/cmdline
    see_whether "/lib/modules/$kernel/build/Makefile"
    find_on_path make ld dkms gcc
    compiler=$place
    find_on_path cc
    compiler=${place:-$compiler}
    [ -z "$compiler" ] || ask 5 "$compiler" --version
    see_whether /usr/include/libelf.h
    see_for without_builder /proc/version
    find_on_path nv-fabricmanager
    [ -z "$place" ] || ask 5 "$place" --version
    ask 5 systemctl is-active nvidia-fabricmanager.service nvidia-persistenced.service display-manager.service
    list /run/nvidia-persistenced
    list_for locks_of_displays /tmp
    for file in "$root"/tmp/.X*-lock; do
        [ -f "$file" ] || continue
        see "${file#"$root"}"
        process=
        read -r process <"$file" || :
        case $process in '' | *[!0-9]*) ;; *) list "/proc/$process" ;; esac
    done

    # docker
    set -- docker.service docker.socket kubelet.service k3s.service k3s-agent.service
    set -- "$@" rke2-server.service rke2-agent.service
    ask 5 systemctl is-active "$@"
    units=$(words_of 5 systemctl is-active "$@")
    ask_program dockerd
    ask_program containerd
    ask_program nvidia-ctk
    list /snap/docker/current/bin
    [ ! -e "$root/snap/docker/current/bin/dockerd" ] || ask 10 /snap/docker/current/bin/dockerd --version
    # Where the socket alone is active, a question would start the service.
    case $units in
        active*) ask_docker ;;
        *) case ${units#*"$line_end"} in active*) ;; *) ask_docker ;; esac ;;
    esac
}

ask_docker() {
    ask_for of_info 10 docker info --format '{{json .}}'
    ask_for of_containers 10 docker ps --all --no-trunc --format '{{json .}}'
}

document() {
    entries=0
    printf '{"format": 1, "root": %s, "seen": [\n' "$by_root"
    look
    printf '\n]}\n'
}

# --- what is written, and where

tell() { printf '%s\n' "$*" >&2; }

main() {
    target=${1-}
    if [ $# -gt 1 ] || { [ "$target" != - ] && [ "${target#-}" != "$target" ]; }; then
        tell "usage: sh probe.sh [FILE]"
        tell "FILE is what to write, - is standard output; without it site-HOSTNAME.json beside this script"
        exit 2
    fi
    case $0 in
        */*.sh) beside=${0%/*}/ ;;
        *) beside= ;;
    esac
    for tool in awk cat env grep ls od sed tr; do
        look_for "$tool"
        if [ -z "$place" ]; then
            tell "error: $tool is not on this machine, and no answer can be written down without it"
            exit 7
        fi
    done
    name_machine
    [ -n "$target" ] || target=${beside}site-$machine.json
    limit=none
    if timeout -k 1 5 true 2>/dev/null; then limit=timeout; fi
    by_root=false
    if [ "$(id -u 2>/dev/null)" = 0 ]; then by_root=true; fi

    if [ "$target" = - ]; then
        document
    else
        write "$target"
    fi
    if [ "$by_root" = false ]; then
        tell "not run as root: what docker runs, and some kinds of container, cannot be seen then;"
        tell "better remove this answer and run the same by root"
    fi
    [ "$limit" = timeout ] || tell "without timeout (coreutils) nothing ends a command that hangs"
}

name_machine() { # leaves in `machine` the host name, as far as every file system takes it
    machine=$(uname -n 2>/dev/null | tr -c 'A-Za-z0-9.\n-' '_')
    machine=${machine:-unnamed}
}

free_name() { # FOLDER/: a name that no file there has
    another=$1site-$machine.json
    number=2
    while [ -e "$another" ] || [ -L "$another" ]; do
        another=$1site-$machine-$number.json
        number=$((number + 1))
    done
    printf '%s' "$another"
}

write() { # TARGET
    if [ -d "$1" ]; then
        tell "error: $1 is a folder"
        tell "hint: name a file in it: sh $0 $(free_name "${1%/}/")"
        exit 2
    fi
    if [ -e "$1" ] || [ -L "$1" ]; then
        tell "error: $1 is there already and is left as it is"
        case $1 in */*) folder=${1%/*}/ ;; *) folder= ;; esac
        tell "hint: name another: sh $0 $(free_name "$folder")"
        exit 2
    fi
    aside=$1.partial
    trap 'rm -f -- "$aside" 2>/dev/null' EXIT
    trap 'exit 130' INT
    trap 'exit 143' HUP TERM
    rm -f -- "$aside" 2>/dev/null
    if ! (set -C; : >"$aside") 2>/dev/null; then
        tell "error: $1: nothing can be written there"
        tell "hint: name a file in a folder that is there and can be written: sh $0 FILE"
        exit 7
    fi
    if ! { document >"$aside" && mv -- "$aside" "$1"; } 2>/dev/null; then
        tell "error: $1: could not be written as a whole"
        tell "hint: make room there, or name a file on another disk: sh $0 FILE"
        exit 7
    fi
    tell "$1: what there is to know of $machine, $(wc -c <"$1" | tr -d ' ') bytes of text; nothing else was changed."
    tell "Read it if you like. Then carry it to the connected machine and type there:"
    tell "  bundle lint MANIFEST --site ${1##*/}"
}

main "$@"
