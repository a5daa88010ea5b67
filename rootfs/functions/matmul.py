# SPDX-License-Identifier: Apache-2.0
"""matmul: the product of two random `n` x `n` matrices.

The elements are whole numbers small enough that every partial sum is exact in a double: the result
is the same whatever order and instructions a processor's multiplication uses."""

import zlib

import numpy

from faasnap_runtime.params import integer

_BOUND = 512


def handle(params, store):
    n = integer(params, "n", most=8192)
    generator = numpy.random.default_rng(integer(params, "seed", 1, least=0))
    left = generator.integers(0, _BOUND, (n, n)).astype(numpy.float64)
    right = generator.integers(0, _BOUND, (n, n)).astype(numpy.float64)
    product = left @ right
    return {
        "n": n,
        "trace": int(numpy.trace(product)),
        "largest": int(product.max()),
        "crc32": zlib.crc32(product),
    }
