# SPDX-License-Identifier: Apache-2.0
"""pyaes: encrypts `length` random bytes with AES-CTR in pure Python, and decrypts them."""

import hashlib
import random

import pyaes

from faasnap_runtime.params import integer


def handle(params, store):
    generator = random.Random(integer(params, "seed", 1, least=0))
    message = generator.randbytes(integer(params, "length", most=16 << 20))
    key = generator.randbytes(32)
    ciphertext = pyaes.AESModeOfOperationCTR(key).encrypt(message)
    if pyaes.AESModeOfOperationCTR(key).decrypt(ciphertext) != message:
        raise RuntimeError("the decrypted message differs from the original")
    return {"bytes": len(ciphertext), "sha256": hashlib.sha256(ciphertext).hexdigest()}
