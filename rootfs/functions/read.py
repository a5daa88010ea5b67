# SPDX-License-Identifier: Apache-2.0
"""read: reads every 512th element of a list of `mib` MiB that is in memory already: 512 references
fill a page, so each element read is on a page of its own. The first invocation makes the list."""

from faasnap_runtime.params import integer

_REFERENCE_BYTES = 8
_STEP = 512
# Elements repeat with a period that has no factor in common with _STEP.
_PERIOD = 251

_prepared = {}


def handle(params, store):
    mib = integer(params, "mib", 512, most=1024)
    if mib not in _prepared:
        _prepared.clear()
        _prepared[mib] = _prepare(mib)
    values = _prepared[mib]
    total = 0
    for index in range(0, len(values), _STEP):
        total += values[index]
    return {"elements": len(values) // _STEP, "sum": total}


def _prepare(mib):
    length = (mib << 20) // _REFERENCE_BYTES
    values = list(range(_PERIOD)) * (length // _PERIOD + 1)
    del values[length:]
    return values
