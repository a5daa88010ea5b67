# SPDX-License-Identifier: Apache-2.0
"""Makes the random number generators of this process differ from those of other clones.

A snapshot holds the state of every generator that lives in the process, so all its clones would
draw the same numbers. The kernel is reseeded by `guest`; what reads it for each draw (`os.urandom`,
`secrets`, `uuid.uuid4`) needs nothing more. This module reseeds what keeps a state of its own.

The generators that a process shares (`random`, `numpy.random`, OpenSSL, PyTorch) are reseeded even
if somebody has seeded them. An object of its own is left alone if its author has seeded it: whoever
writes `random.Random(7)` wants the same numbers each time. For Python's `random` the call itself is
watched. numpy keeps the seed instead: one of more than 64 bits was drawn and not chosen.

Import this module before others make a `random.Random`.
"""

import ctypes
import gc
import os
import random
import sys
import weakref

_SEED_BYTES = 32
_LONGEST_CHOSEN_SEED_BITS = 64
_CRYPTO_LIBRARIES = ("libcrypto.so.3", "libcrypto.so.1.1")

# Those that live and were seeded by the kernel, by their id: a subclass may not be hashable.
_unseeded = weakref.WeakValueDictionary()
# numpy's generators among what garbage collection does not look at any more.
_frozen = []


def _watch_seeds():
    seed, setstate = random.Random.seed, random.Random.setstate

    def watched_seed(self, a=None, version=2):
        seed(self, a, version)
        if a is None:
            _unseeded[id(self)] = self
        else:
            _unseeded.pop(id(self), None)

    def watched_setstate(self, state):
        setstate(self, state)
        _unseeded.pop(id(self), None)

    random.Random.seed, random.Random.setstate = watched_seed, watched_setstate


_watch_seeds()


def before_freeze():
    """Must be called before `gc.freeze`, which hides objects from `reseed`."""
    _frozen.extend(_numpy_generators())


def reseed():
    """Reseeds from the kernel, which must have been reseeded. No function may run meanwhile."""
    random.seed(os.urandom(_SEED_BYTES))
    # Among them the generator of tempfile's names.
    for generator in list(_unseeded.values()):
        generator.seed()
    _reseed_openssl()
    _reseed_numpy()
    if "torch" in sys.modules:
        sys.modules["torch"].seed()
    if "uuid" in sys.modules:
        _renew_uuid1()


def _reseed_openssl():
    """RAND_add reseeds the generator that those of all threads are children of, from the kernel as
    well; each child sees that at its next draw, and reseeds itself."""
    for name in _CRYPTO_LIBRARIES:
        try:
            library = ctypes.CDLL(name, mode=os.RTLD_NOW | os.RTLD_NOLOAD)
        except OSError:
            continue  # nothing in this process has loaded it
        library.RAND_add.argtypes = (ctypes.c_char_p, ctypes.c_int, ctypes.c_double)
        library.RAND_add.restype = None
        library.RAND_add(os.urandom(_SEED_BYTES), _SEED_BYTES, _SEED_BYTES)


def _reseed_numpy():
    if "numpy.random" not in sys.modules:
        return
    from numpy.random import RandomState, SeedSequence, mtrand

    for generator in _frozen + _numpy_generators():
        if isinstance(generator, SeedSequence):
            # What is spawned from it would otherwise be equal.
            generator.__init__(pool_size=generator.pool_size)
        elif isinstance(generator, RandomState):
            _renew_state(generator)
        else:
            with generator.lock:
                generator.state = type(generator)().state
    _renew_state(mtrand._rand)


def _renew_state(generator):
    """Reseeds one of numpy's older generators, which keep every second normal deviate."""
    state = type(generator._bit_generator)().state
    generator.set_state({**state, "has_gauss": 0, "gauss": 0.0})


def _numpy_generators():
    """What lives of numpy's generators and has been seeded by nobody."""
    if "numpy.random" not in sys.modules:
        return []
    import numpy.random as kinds

    seeds = {
        kinds.SeedSequence: lambda sequence: sequence,
        kinds.RandomState: lambda generator: generator._bit_generator._seed_seq,
    }
    for kind in (kinds.MT19937, kinds.PCG64, kinds.PCG64DXSM, kinds.Philox, kinds.SFC64):
        seeds[kind] = lambda generator: generator._seed_seq
    # Types are looked up and not asked: isinstance would call code of objects that pretend.
    found = [thing for thing in gc.get_objects() if type(thing) in seeds]
    return [thing for thing in found if _was_drawn(seeds[type(thing)](thing))]


def _was_drawn(sequence):
    entropy = getattr(sequence, "entropy", None)
    return isinstance(entropy, int) and entropy.bit_length() > _LONGEST_CHOSEN_SEED_BITS


def _renew_uuid1():
    """uuid1 takes the place of a network address that a guest does not have from libuuid, which
    keeps it. From now on Python makes it."""
    uuid = sys.modules["uuid"]
    uuid._generate_time_safe = None
    uuid._last_timestamp = None
    uuid._node = uuid._random_getnode()
