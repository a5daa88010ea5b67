# SPDX-License-Identifier: Apache-2.0
"""The random number generators of clones. A clone is a copy of a process that does not notice that
it is one: made by clone(2) itself, so that no handler of fork runs, in a process namespace of its
own, so that its process id is that of its siblings. A restored guest looks like that to its
programs."""

import ctypes
import gc
import json
import os
import random
import signal
import sys
import threading
import types
import unittest

import support  # noqa: F401 (puts the runtime on the path)

from faasnap_runtime import reseed

_SYS_CLONE = 56
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWPID = 0x20000000
_WALL = 0x40000000
_CLONES = 3


def _clone(flags):
    # PyDLL: the child must hold the interpreter's lock.
    libc = ctypes.PyDLL(None, use_errno=True)
    process = libc.syscall(_SYS_CLONE, flags | signal.SIGCHLD, 0, 0, 0, 0)
    if process < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return process


def _in_clone(flags, body):
    """What `body` returns, called in a copy of this process."""
    source, sink = os.pipe()
    process = _clone(flags)
    if process == 0:
        status = 1
        try:
            with os.fdopen(sink, "w") as stream:
                json.dump(body(), stream)
            status = 0
        finally:
            os._exit(status)
    os.close(sink)
    with os.fdopen(source) as stream:
        answer = stream.read()
    _, status = os.waitpid(process, _WALL)
    if status != 0:
        raise AssertionError("a clone has failed; its reason is above")
    return json.loads(answer)


def _in_clones(prepare, use):
    """What `use(prepare())` returns in each of several clones of one process that has prepared."""

    def run():
        prepared = prepare()
        return [_in_clone(_CLONE_NEWPID, lambda: use(prepared)) for _ in range(_CLONES)]

    try:
        return _in_clone(_CLONE_NEWPID | (0 if os.geteuid() == 0 else _CLONE_NEWUSER), run)
    except PermissionError as error:
        raise unittest.SkipTest(f"this host allows no process namespaces: {error}") from None


def _shared_random():
    return lambda: random.getrandbits(64)


def _own_random():
    generator = random.Random()
    generator.gauss(0, 1)
    return lambda: generator.gauss(0, 1)


def _temporary_name():
    import tempfile

    tempfile.mktemp()
    return tempfile.mktemp


def _openssl():
    import ssl

    ssl.RAND_bytes(8)
    return lambda: ssl.RAND_bytes(8).hex()


def _numpy_shared():
    import numpy

    numpy.random.seed(7)
    return numpy.random.random


def _numpy_generator(name):
    def prepare():
        import numpy

        generator = numpy.random.Generator(getattr(numpy.random, name)())
        return lambda: float(generator.random())

    return prepare


def _numpy_state():
    import numpy

    generator = numpy.random.RandomState()
    # They come in pairs, and the second is kept.
    generator.standard_normal()
    return lambda: float(generator.standard_normal())


def _numpy_spawned():
    import numpy

    sequence = numpy.random.default_rng().bit_generator._seed_seq
    return lambda: int(sequence.spawn(1)[0].generate_state(1)[0])


def _uuid1_node():
    import uuid

    uuid.uuid1()
    return lambda: uuid.uuid1().node


_GENERATORS = {
    "random": _shared_random,
    "random.Random": _own_random,
    "tempfile": _temporary_name,
    "OpenSSL": _openssl,
    "numpy.random": _numpy_shared,
    "numpy PCG64": _numpy_generator("PCG64"),
    "numpy PCG64DXSM": _numpy_generator("PCG64DXSM"),
    "numpy MT19937": _numpy_generator("MT19937"),
    "numpy Philox": _numpy_generator("Philox"),
    "numpy SFC64": _numpy_generator("SFC64"),
    "numpy RandomState": _numpy_state,
    "numpy SeedSequence": _numpy_spawned,
}


def _prepare_all(generators):
    return {name: prepare() for name, prepare in generators.items()}


def _draw(draws):
    return {name: draw() for name, draw in draws.items()}


def _draw_reseeded(draws):
    reseed.reseed()
    return _draw(draws)


class CloneTest(unittest.TestCase):
    def assert_different(self, clones):
        for name in clones[0]:
            self.assertEqual(len({clone[name] for clone in clones}), _CLONES, name)

    def assert_equal(self, clones):
        for name in clones[0]:
            self.assertEqual(len({clone[name] for clone in clones}), 1, name)

    def test_clones_that_are_not_reseeded_draw_the_same(self):
        self.assert_equal(_in_clones(lambda: _prepare_all(_GENERATORS), _draw))

    def test_reseeded_clones_draw_different_numbers(self):
        generators = {**_GENERATORS, "uuid1": _uuid1_node}
        self.assert_different(_in_clones(lambda: _prepare_all(generators), _draw_reseeded))

    def test_generators_that_garbage_collection_does_not_see_are_reseeded(self):
        def prepare():
            draws = _prepare_all(_GENERATORS)
            reseed.before_freeze()
            gc.freeze()
            return draws

        self.assert_different(_in_clones(prepare, _draw_reseeded))

    def test_what_a_thread_draws_changes_when_another_reseeds(self):
        def use(draws):
            other = threading.Thread(target=reseed.reseed)
            other.start()
            other.join()
            return _draw(draws)

        self.assert_different(_in_clones(lambda: _prepare_all(_GENERATORS), use))

    def test_generators_with_a_chosen_seed_go_on_as_they_are(self):
        def prepare():
            import numpy

            chosen, again, restored = random.Random(7), random.Random(), random.Random()
            again.seed(7)
            restored.setstate(chosen.getstate())
            generators = {
                "random.Random": chosen.random,
                "random.Random.seed": again.random,
                "random.Random.setstate": restored.random,
                "numpy default_rng": numpy.random.default_rng(7).random,
                "numpy list": numpy.random.default_rng([1, 2**100]).random,
                "numpy RandomState": numpy.random.RandomState(7).random_sample,
            }
            return generators

        clones = _in_clones(prepare, _draw_reseeded)
        self.assert_equal(clones)
        self.assertEqual(clones[0]["random.Random"], random.Random(7).random())

    def test_libraries_that_nobody_has_loaded_stay_out(self):
        def use(_):
            reseed.reseed()
            return [name for name in ("ssl", "numpy", "uuid", "torch") if name in sys.modules]

        self.assertEqual(_in_clones(lambda: None, use), [[]] * _CLONES)

    def test_pytorch_is_asked_for_a_seed_of_its_own(self):
        seeds = []
        sys.modules["torch"] = types.SimpleNamespace(seed=lambda: seeds.append(1))
        self.addCleanup(sys.modules.pop, "torch")
        reseed.reseed()
        self.assertEqual(seeds, [1])


if __name__ == "__main__":
    unittest.main()
