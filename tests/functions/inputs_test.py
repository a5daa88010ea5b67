# SPDX-License-Identifier: Apache-2.0
"""The declared inputs and the generator that makes the objects they name."""

import json
import os
import random
import runpy
import unittest

from support import FUNCTIONS, ROOTFS

from faasnap_runtime.registry import Registry

with open(os.path.join(FUNCTIONS, "inputs.json"), encoding="utf-8") as file:
    _INPUTS = json.load(file)
_generator = runpy.run_path(os.path.join(ROOTFS, "make-inputs"))


class InputsTest(unittest.TestCase):
    def test_every_function_has_inputs_and_no_other_has(self):
        self.assertEqual(sorted(_INPUTS["functions"]), Registry(FUNCTIONS).names())

    def test_experiments_have_the_number_of_inputs_that_they_use(self):
        for name, inputs in _INPUTS["functions"].items():
            self.assertEqual(len(inputs["quick"]), 2, name)
            self.assertEqual(len(inputs["e1"]), 2, name)
            self.assertEqual(len(inputs.get("e2", range(6))), 6, name)

    def test_every_named_object_is_declared_and_every_declared_one_is_used(self):
        named = {
            params[word]
            for inputs in _INPUTS["functions"].values()
            for params in inputs["quick"] + inputs["e1"] + inputs.get("e2", [])
            for word in ("input", "weights")
            if word in params
        }
        self.assertEqual(named, set(_INPUTS["objects"]))

    def test_the_base_image_lacks_the_heavy_functions_and_their_objects(self):
        heavy = {"ffmpeg", "recognition"}
        base, full = (set(_generator["functions_of"](_INPUTS, image)) for image in ("base", "full"))
        self.assertEqual(full, set(_INPUTS["functions"]))
        self.assertEqual(full - base, heavy)
        base, full = (set(_generator["objects_of"](_INPUTS, image)) for image in ("base", "full"))
        self.assertEqual(full, set(_INPUTS["objects"]))
        self.assertEqual(
            {_INPUTS["objects"][key]["kind"] for key in full - base}, {"mp4", "resnet50"}
        )
        self.assertEqual({_INPUTS["objects"][key]["kind"] for key in base}, {"json", "jpeg"})

    def test_documents_have_exactly_the_size_asked_for(self):
        for size in (2000, 13000, 13001):
            document = _generator["make_json"](size, 1)
            self.assertEqual(len(document), size)
            self.assertTrue(json.loads(document)["records"])

    def test_pictures_have_the_size_asked_for_within_two_percent(self):
        for size in (30000, 100000):
            picture = _generator["make_jpeg"](size, 1)
            self.assertLess(abs(len(picture) - size), size * 0.02)

    def test_seeds_alone_determine_the_objects(self):
        for make in (_generator["make_json"], _generator["make_jpeg"]):
            random.seed()
            first = make(20000, 1)
            random.seed()
            self.assertEqual(make(20000, 1), first)
            self.assertNotEqual(make(20000, 2), first)


if __name__ == "__main__":
    unittest.main()
