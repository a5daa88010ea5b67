# SPDX-License-Identifier: Apache-2.0
"""mmap: writes one byte to every page of an anonymous map of `mib` MiB."""

import mmap

from faasnap_runtime.params import integer


def handle(params, store):
    size = integer(params, "mib", 512, most=1536) << 20
    with mmap.mmap(-1, size) as memory:
        for offset in range(0, size, mmap.PAGESIZE):
            memory[offset] = offset // mmap.PAGESIZE % 251
        # One read per page, so that a page which lost its byte shows.
        written = memory[:: mmap.PAGESIZE]
    return {"pages": len(written), "sum": sum(written)}
