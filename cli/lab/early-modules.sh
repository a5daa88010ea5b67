# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For make-kernel and make-counted-lab: puts kernel modules into the tree of an initrd, named so that
# lab-init loads them in order.

module_count=100
declare -A modules_seen=()

# Adds a module, decompressed and without what makes loading it slow on an emulated CPU: the signature
# (objcopy drops it), types, and, unless the array `traceable` names the module, the places and events
# that tracing the kernel uses.
add_module() { # TREE FILE
    local file=$2 name=${2##*/} target
    name=${name%%.*}
    module_count=$((module_count + 1))
    target=$1/modules/$module_count-$name.ko
    case $file in
    *.xz) xz -dc "$file" >"$target" ;;
    *.zst) zstd -dcq "$file" >"$target" ;;
    *) cp "$file" "$target" ;;
    esac
    objcopy --strip-debug --remove-section='.BTF*' "$target"
    if [[ " ${traceable[*]-} " != *" $name "* ]]; then
        objcopy --remove-section='*__mcount_loc' --remove-section='*_ftrace_events' "$target"
    fi
}

# Adds modules and what they need. SOURCE has lib/modules/VERSION.
add_modules() { # TREE SOURCE VERSION NAME...
    local tree=$1 source=$2 version=$3 module word file
    shift 3
    for module in "$@"; do
        while read -r word file _; do
            # A built-in module has nothing to load.
            if [[ $word == insmod && -z ${modules_seen[$file]:-} ]]; then
                modules_seen[$file]=1
                add_module "$tree" "$file"
            fi
        done < <(modprobe -d "$source" -S "$version" --show-depends "$module")
    done
}

pack_initrd() { # TREE FILE
    (cd "$1" && find . -print0 | LC_ALL=C sort -z |
        cpio --quiet --null -o -H newc --owner=0:0 --reproducible) >"$2"
}
