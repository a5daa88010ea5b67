#!/usr/bin/env python3
"""A fixed piece of work like that of functions, about 0.3 s of a processor of today: prints how
many nanoseconds the quickest of several runs took. faasnap-lab runs it outside and inside the lab.

    cpu_work.py RUNS
"""

import json
import random
import sys
import time
import zlib


def records(count):
    rng = random.Random(7)
    return [{"id": i, "name": f"item-{rng.randrange(10**6):06}", "score": rng.random(),
             "tags": [f"t{rng.randrange(50)}" for _ in range(4)]} for i in range(count)]


def work():
    rows = records(22000)
    rows = json.loads(json.dumps(rows))
    counts = {}
    for row in sorted(rows, key=lambda row: (row["name"], row["score"])):
        for tag in row["tags"]:
            counts[tag] = counts.get(tag, 0) + row["id"]
    page = "\n".join("<li>{name}: {score:.3f}</li>".format(**row) for row in rows).encode()
    packed = zlib.decompress(zlib.compress(page, 6))
    state = 1
    for i in range(1000000):
        state = (state * 1103515245 + 12345 + i) & 0x7fffffff
    return zlib.crc32(packed) ^ state ^ sum(counts.values())


def main(runs):
    times = []
    for _ in range(runs):
        start = time.perf_counter_ns()
        work()
        times.append(time.perf_counter_ns() - start)
    print(min(times))


main(int(sys.argv[1]))
