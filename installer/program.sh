#!/bin/sh
# vllm-airgap, as installed on this node: the bundle's own Python, and nothing of the caller's environment.
here=/opt/vllm-airgap/current
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    LD_LIBRARY_PATH="$here/python/lib/needed" \
    TERM="${TERM:-dumb}" COLUMNS="${COLUMNS:-}" NO_COLOR="${NO_COLOR:-}" TMPDIR="${TMPDIR:-}" \
    "$here/python/bin/python3" -I -B "$here/program" "$@"
