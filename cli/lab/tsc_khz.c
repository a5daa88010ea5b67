// SPDX-License-Identifier: Apache-2.0

// Prints the frequency of this machine's time stamp counter in kHz.
//
// QEMU hands the counter on to the lab unscaled. The lab's kernel would measure it against an
// emulated timer, which fails on a busy machine, and then has no clock at all; so it is told.
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

struct sample {
  uint64_t ticks;
  int64_t ns;
};

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

// Of many readings of both clocks, the one least disturbed between them.
static struct sample take_sample(void) {
  struct sample best = {0, 0};
  uint64_t best_span = UINT64_MAX;
  for (int i = 0; i < 200; i++) {
    const uint64_t before = __rdtsc();
    const int64_t ns = now_ns();
    const uint64_t after = __rdtsc();
    if (after - before < best_span) {
      best_span = after - before;
      best.ticks = before + (after - before) / 2;
      best.ns = ns;
    }
  }
  return best;
}

int main(void) {
  const struct timespec pause = {0, 30000000};
  const struct sample first = take_sample();
  nanosleep(&pause, NULL);
  const struct sample last = take_sample();
  const double khz = (double)(last.ticks - first.ticks) * 1e6 / (double)(last.ns - first.ns);
  return printf("%.0f\n", khz) < 0;
}
