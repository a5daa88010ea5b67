# SPDX-License-Identifier: Apache-2.0
"""Open-loop workloads like those of the Azure traces: plain data, the same for the same seed.

The distributions are those that Shahrad et al. ("Serverless in the Wild", USENIX ATC '20) give for
Azure Functions: a function's average execution time is log-normal with the logarithm's mean -0.38
and standard deviation 2.36, in seconds (section 3.4); few functions have nearly all invocations
(section 3.2), for which a Zipf distribution stands here. Arrivals of each function are Poisson's, a
simplification: the paper's are burstier."""

import random
from dataclasses import dataclass

TIME_MEAN = -0.38
TIME_DEVIATION = 2.36
ZIPF = 1.5


@dataclass(frozen=True)
class Arrival:
    """When an invocation is sent, after the begin, and what it does."""
    time_s: float
    function: int
    seconds: float


def make(seed, functions, invocations, rate, longest_s):
    """Returns `invocations` arrivals, `rate` a second on average, in the order of time. Execution
    times above `longest_s` are cut off there, so that a short run has an end."""
    draw = random.Random(seed)
    averages = [min(draw.lognormvariate(TIME_MEAN, TIME_DEVIATION), longest_s)
                for _ in range(functions)]
    weights = [1 / (rank + 1) ** ZIPF for rank in range(functions)]
    arrivals = []
    time_s = 0.0
    for _ in range(invocations):
        time_s += draw.expovariate(rate)
        function = draw.choices(range(functions), weights)[0]
        arrivals.append(Arrival(time_s, function, averages[function]))
    return arrivals


def percentiles(values, wanted=(50, 90, 99, 100)):
    """Nearest-rank percentiles by name; nothing of no values."""
    ordered = sorted(values)
    return {f"p{each}": ordered[max(0, -(-len(ordered) * each // 100) - 1)]
            for each in wanted} if ordered else {}
