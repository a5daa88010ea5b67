#!/bin/bash
# Records one function with its first input and invokes it with its second under three settings,
# cold each time, and prints what each took: demo.sh FAASNAP [FUNCTION]. Needs a working /dev/kvm;
# `./dev demo` sees to it.
set -euo pipefail

faasnap=${1:?usage: demo.sh FAASNAP [FUNCTION]}
function=${2:-json}
# In the lab /data is a disk of its own, whose cache can be dropped and whose reads are real.
base=${TMPDIR:-/tmp}
if [[ -n ${FAASNAP_IN_LAB:-} && -d /data ]]; then
    base=/data
fi
snapshot=$(mktemp -d "$base/faasnap-demo.XXXXXX")
trap 'rm -rf "$snapshot"' EXIT

# NAME in one flat JSON line; the table needs numbers of the top level only.
field() { # JSON NAME
    sed -nE "s/.*\"$2\": ?([0-9]+).*/\1/p" <<<"$1"
}

milliseconds() { awk -v ns="$1" 'BEGIN { printf "%.1f ms", ns / 1e6 }'; }
mebibytes() { awk -v bytes="$1" 'BEGIN { printf "%.1f MiB", bytes / 1048576 }'; }

echo "recording $function with its first input"
"$faasnap" record "$function" --input '{"input": 1}' --snapshot "$snapshot/$function"

row='%-8s %12s %12s %12s %8s %8s %12s\n'
echo "invoking it with its second input"
# shellcheck disable=SC2059 # one format for the head and every row
printf "$row" setting set-up invocation total major minor read
for setting in lazy cached faasnap; do
    result=$("$faasnap" invoke --snapshot "$snapshot/$function" --input '{"input": 2}' \
        --setting "$setting" --drop-caches --json)
    # shellcheck disable=SC2059
    printf "$row" "$setting" "$(milliseconds "$(field "$result" setup_ns)")" \
        "$(milliseconds "$(field "$result" invoke_ns)")" \
        "$(milliseconds "$(field "$result" total_ns)")" \
        "$(field "$result" vcpu_major_faults)" "$(field "$result" vcpu_minor_faults)" \
        "$(mebibytes "$(field "$result" prefetched_bytes)")"
done
if [[ -n ${FAASNAP_IN_LAB:-} ]]; then
    echo "Measured in the lab, an emulated machine: computing takes about ten times as long there."
fi
