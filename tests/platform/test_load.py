# SPDX-License-Identifier: Apache-2.0
"""The workloads of bench/platform: the same for the same seed, at the rate and of the shape that
they say."""

import collections
import os
import statistics
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../bench/platform"))
import workload  # noqa: E402


class WorkloadTest(unittest.TestCase):
    def test_a_seed_names_one_workload(self):
        self.assertEqual(workload.make(7, 8, 100, 20, 5), workload.make(7, 8, 100, 20, 5))
        self.assertNotEqual(workload.make(7, 8, 100, 20, 5), workload.make(8, 8, 100, 20, 5))

    def test_arrivals_are_fixed_times_at_the_rate_asked_for(self):
        times = [each.time_s for each in workload.make(1, 8, 20_000, 50, 5)]
        self.assertEqual(times, sorted(times))
        gaps = [after - before for before, after in zip(times, times[1:])]
        self.assertAlmostEqual(statistics.mean(gaps), 1 / 50, delta=0.001)
        # Poisson's: the deviation of the gaps is their mean.
        self.assertAlmostEqual(statistics.stdev(gaps), 1 / 50, delta=0.002)

    def test_few_functions_have_most_invocations(self):
        arrivals = workload.make(1, 50, 20_000, 50, 5)
        counts = collections.Counter(each.function for each in arrivals).most_common()
        self.assertGreater(sum(count for _, count in counts[:10]), 0.75 * len(arrivals))
        self.assertGreater(len(counts), 40)

    def test_execution_times_are_log_normal_and_cut_off(self):
        arrivals = workload.make(1, 5000, 50_000, 50, 1000)
        averages = {each.function: each.seconds for each in arrivals}.values()
        self.assertAlmostEqual(statistics.median(averages), 0.68, delta=0.1)
        self.assertLessEqual(max(each.seconds for each in workload.make(1, 500, 5000, 50, 5)), 5)

    def test_percentiles_are_values_that_were_measured(self):
        self.assertEqual(workload.percentiles(range(1, 201)),
                         {"p50": 100, "p90": 180, "p99": 198, "p100": 200})
        self.assertEqual(workload.percentiles([3.5]), {"p50": 3.5, "p90": 3.5, "p99": 3.5,
                                                       "p100": 3.5})
        self.assertEqual(workload.percentiles([]), {})
