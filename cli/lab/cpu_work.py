#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A fixed piece of work like that of functions: prints how many nanoseconds it takes. faasnap-lab runs
it outside and inside the lab.

    cpu_work.py

Each part takes less than half a millisecond of a processor of today, and the quickest of many runs of
it counts: on a busy machine some of them still have the processor to themselves, in the lab too, where
they take some milliseconds.
"""

import json
import random
import time
import zlib

RUNS = 400
RNG = random.Random(7)
ROWS = [{"id": i, "name": f"item-{RNG.randrange(10**6):06}", "score": RNG.random(),
         "tags": [f"t{RNG.randrange(50)}" for _ in range(4)]} for i in range(60)]
PAGE = "\n".join(json.dumps(row) for row in ROWS).encode()


def parse():
    return json.loads(json.dumps(ROWS))


def count():
    counts = {}
    for row in sorted(ROWS, key=lambda row: (row["name"], row["score"])):
        for tag in row["tags"]:
            counts[tag] = counts.get(tag, 0) + row["id"]
    return counts


def render():
    return "\n".join("<li>{name}: {score:.3f}</li>".format(**row) for row in ROWS)


def pack():
    return zlib.decompress(zlib.compress(PAGE, 6))


def compute():
    state = 1
    for i in range(2000):
        state = (state * 1103515245 + 12345 + i) & 0x7fffffff
    return state


def quickest(part):
    times = []
    for _ in range(RUNS):
        start = time.perf_counter_ns()
        part()
        times.append(time.perf_counter_ns() - start)
    return min(times)


print(sum(quickest(part) for part in (parse, count, render, pack, compute)))
