#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Records a function with one input and invokes it with another under four settings, and prints
# what each took: demo.sh FAASNAP RUN. Needs a working /dev/kvm; `./dev demo` sees to it. What a run of
# the name RUN has done and printed before is not done again, so that a lab can take over from one
# that failed.
set -euo pipefail

faasnap=${1:?usage: demo.sh FAASNAP RUN}
run=${2:?usage: demo.sh FAASNAP RUN}
first='{"input": "json-13k"}'
second='{"input": "json-151k"}'
# In the lab /data is a disk of its own, whose cache can be dropped and whose reads are real.
base=${FAASNAP_DATA:-${TMPDIR:-/tmp}}
if [[ -n ${FAASNAP_IN_LAB:-} && -d /data ]]; then
    base=/data
    # One lab at a time has the disk: what other runs left behind, nobody uses.
    find /data -maxdepth 1 -name 'faasnap-demo.*' ! -name "faasnap-demo.$run" -exec rm -rf {} +
fi
directory=$base/faasnap-demo.$run
mkdir -p "$directory"
trap 'rm -rf "$directory"' EXIT

# Each step leaves a mark on the disk when it has printed its result.
to_do() { [[ ! -e $directory/$1.done ]]; } # STEP
is_done() { # STEP
    : >"$directory/$1.done"
    sync "$directory/$1.done" "$directory"
}

# The number NAME of a JSON object in one line; names in nested objects differ.
field() { # JSON NAME
    sed -nE "s/.*\"$2\": ?([0-9]+).*/\1/p" <<<"$1"
}

milliseconds() { awk -v ns="$1" 'BEGIN { printf "%.1f ms", ns / 1e6 }'; }

# Bytes that the disk below the snapshot has delivered so far; nothing where the kernel does not
# count them for this file system.
disk_reads() {
    awk '{ print $3 * 512 }' "/sys/dev/block/$(stat -c %Hd:%Ld "$directory")/stat" 2>/dev/null || true
}

mebibytes() { # FROM TO
    if [[ -n $1 && -n $2 ]]; then
        awk -v bytes=$(($2 - $1)) 'BEGIN { printf "%.1f MiB", bytes / 1048576 }'
    else
        echo "?"
    fi
}

if to_do record; then
    echo "recording json with $first, in a guest with one CPU and 512 MiB"
    rm -rf "$directory/json"
    "$faasnap" record json --input "$first" --snapshot "$directory/json" --vcpus 1 --memory 512M
    is_done record
fi

row='%-8s %12s %12s %12s %7s %7s %7s %12s %9s\n'
if to_do head; then
    echo
    echo "invoking it with $second; \`cached\` reads the snapshot first, the others start cold"
    # shellcheck disable=SC2059 # one format for the head and every row
    printf "$row" setting set-up invocation total major minor handled "disk reads" "in cache"
    is_done head
fi
for setting in lazy cached faasnap stream; do
    to_do "$setting" || continue
    before=$(disk_reads)
    result=$("$faasnap" invoke --snapshot "$directory/json" --input "$second" \
        --setting "$setting" --drop-caches --json)
    # shellcheck disable=SC2059
    printf "$row" "$setting" "$(milliseconds "$(field "$result" setup_ns)")" \
        "$(milliseconds "$(field "$result" invoke_ns)")" \
        "$(milliseconds "$(field "$result" total_ns)")" \
        "$(field "$result" vcpu_major_faults)" "$(field "$result" vcpu_minor_faults)" \
        "$(field "$result" uffd_faults)" \
        "$(mebibytes "$before" "$(disk_reads)")" "$(field "$result" cache_pages_before)"
    is_done "$setting"
done
echo
echo "major and minor: page faults of the vCPU threads; handled: those that the library answered. in"
echo "cache: pages of the snapshot in the page cache before the restore, counted with mincore."
if [[ -n ${FAASNAP_IN_LAB:-} ]]; then
    echo "Measured in the lab, an emulated machine: computing takes about ten times as long there."
fi
