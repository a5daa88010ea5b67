#!/bin/bash
# Records a function with one input and invokes it with another under four settings, and prints
# what each took: demo.sh FAASNAP. Needs a working /dev/kvm; `./dev demo` sees to it.
set -euo pipefail

faasnap=${1:?usage: demo.sh FAASNAP}
first='{"input": "json-13k"}'
second='{"input": "json-151k"}'
# In the lab /data is a disk of its own, whose cache can be dropped and whose reads are real.
base=${FAASNAP_DATA:-${TMPDIR:-/tmp}}
mkdir -p "$base"
if [[ -n ${FAASNAP_IN_LAB:-} && -d /data ]]; then
    base=/data
fi
snapshot=$(mktemp -d "$base/faasnap-demo.XXXXXX")
trap 'rm -rf "$snapshot"' EXIT

# The number NAME of a JSON object in one line; names in nested objects differ.
field() { # JSON NAME
    sed -nE "s/.*\"$2\": ?([0-9]+).*/\1/p" <<<"$1"
}

milliseconds() { awk -v ns="$1" 'BEGIN { printf "%.1f ms", ns / 1e6 }'; }

# Bytes that the disk below the snapshot has delivered so far; nothing where the kernel does not
# count them for this file system.
disk_reads() {
    awk '{ print $3 * 512 }' "/sys/dev/block/$(stat -c %Hd:%Ld "$snapshot")/stat" 2>/dev/null || true
}

mebibytes() { # FROM TO
    if [[ -n $1 && -n $2 ]]; then
        awk -v bytes=$(($2 - $1)) 'BEGIN { printf "%.1f MiB", bytes / 1048576 }'
    else
        echo "?"
    fi
}

echo "recording json with $first"
"$faasnap" record json --input "$first" --snapshot "$snapshot/json"

row='%-8s %12s %12s %12s %7s %7s %7s %12s %9s\n'
echo
echo "invoking it with $second; \`cached\` reads the snapshot first, the others start cold"
# shellcheck disable=SC2059 # one format for the head and every row
printf "$row" setting set-up invocation total major minor handled "disk reads" "in cache"
for setting in lazy cached faasnap stream; do
    before=$(disk_reads)
    result=$("$faasnap" invoke --snapshot "$snapshot/json" --input "$second" \
        --setting "$setting" --drop-caches --json)
    # shellcheck disable=SC2059
    printf "$row" "$setting" "$(milliseconds "$(field "$result" setup_ns)")" \
        "$(milliseconds "$(field "$result" invoke_ns)")" \
        "$(milliseconds "$(field "$result" total_ns)")" \
        "$(field "$result" vcpu_major_faults)" "$(field "$result" vcpu_minor_faults)" \
        "$(field "$result" uffd_faults)" \
        "$(mebibytes "$before" "$(disk_reads)")" "$(field "$result" cache_pages_before)"
done
echo
echo "major and minor: page faults of the vCPU threads; handled: those that the library answered. in"
echo "cache: pages of the snapshot in the page cache before the restore, counted with mincore."
if [[ -n ${FAASNAP_IN_LAB:-} ]]; then
    echo "Measured in the lab, an emulated machine: computing takes about ten times as long there."
fi
