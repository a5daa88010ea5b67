#!/bin/bash
# Records a function with one input and invokes it with another under three settings, and prints
# what each took: demo.sh FAASNAP. Needs a working /dev/kvm; `./dev demo` sees to it.
set -euo pipefail

faasnap=${1:?usage: demo.sh FAASNAP}
first='{"input": "json-13k"}'
second='{"input": "json-151k"}'
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

echo "recording json with $first"
"$faasnap" record json --input "$first" --snapshot "$snapshot/json"

row='%-8s %12s %12s %12s %8s %8s %12s\n'
echo "invoking it with $second, from a cold page cache"
# shellcheck disable=SC2059 # one format for the head and every row
printf "$row" setting set-up invocation total major minor read
for setting in lazy cached faasnap; do
    result=$("$faasnap" invoke --snapshot "$snapshot/json" --input "$second" \
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
