# SPDX-License-Identifier: Apache-2.0
"""The functions that only the full image has the software for, and the inputs made for them."""

import hashlib
import io
import json
import os
import runpy
import subprocess
import tempfile
import unittest

import torch
import torchvision
from PIL import Image
from support import FUNCTIONS, ROOTFS, DictStore

from faasnap_runtime.registry import Registry

_generator = runpy.run_path(os.path.join(ROOTFS, "make-inputs"))
_registry = Registry(FUNCTIONS)
with open(os.path.join(FUNCTIONS, "inputs.json"), encoding="utf-8") as file:
    _OBJECTS = json.load(file)["objects"]


def call(name, params, store):
    return _registry.load(name).handle(params, store)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def run_ffmpeg(*arguments, data=b""):
    command = ["ffmpeg", "-hide_banner", "-loglevel", "error", *arguments]
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


class FfmpegTest(unittest.TestCase):
    def film(self):
        """Eight frames of 64 x 48, white on the left and black on the right."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "film.mp4")
            picture = "color=black:size=64x48:rate=8,drawbox=w=32:h=48:color=white:t=fill"
            run_ffmpeg("-f", "lavfi", "-i", picture, "-frames:v", "8", "-f", "mp4", path)
            with open(path, "rb") as file:
                return file.read()

    def test_stores_the_film_with_left_and_right_exchanged(self):
        store = DictStore(film=self.film())
        result = call("ffmpeg", {"input": "film"}, store)
        flipped = store["film.flipped"]
        expected = {"key": "film.flipped", "bytes": len(flipped), "sha256": sha256(flipped)}
        self.assertEqual(result, expected)
        with tempfile.NamedTemporaryFile() as file:
            file.write(flipped)
            file.flush()
            pixels = run_ffmpeg("-i", file.name, "-f", "rawvideo", "-pix_fmt", "gray", "-")
        self.assertEqual(len(pixels), 8 * 64 * 48)
        for row in range(0, len(pixels), 64):
            self.assertLess(pixels[row + 8], 40)
            self.assertGreater(pixels[row + 56], 200)

    def test_equal_films_give_equal_bytes(self):
        store = DictStore(film=self.film())
        self.assertEqual(
            call("ffmpeg", {"input": "film"}, store), call("ffmpeg", {"input": "film"}, store)
        )

    def test_refuses_what_is_no_mp4(self):
        playlist = b"#EXTM3U\n#EXTINF:1,\nfilm.mp4\n"
        for data in (b"", b"text", playlist, self.film()[:200]):
            with self.subTest(data[:10]):
                with self.assertRaisesRegex(ValueError, "parameter 'input': 'film' cannot be"):
                    call("ffmpeg", {"input": "film"}, DictStore(film=data))

    def test_generated_films_have_the_size_asked_for_and_follow_from_their_seed(self):
        films = [_generator["make_mp4"](100000, seed) for seed in (1, 1, 2)]
        for film in films:
            self.assertLessEqual(abs(len(film) - 100000), 5000)
        first, again, other = map(sha256, films)
        self.assertEqual(again, first)
        self.assertNotEqual(other, first)


class CountingStore(DictStore):
    def __init__(self, *arguments, **objects):
        super().__init__(*arguments, **objects)
        self.fetched = []

    def get(self, key):
        self.fetched.append(key)
        return super().get(key)


class RecognitionTest(unittest.TestCase):
    params = {"input": "picture", "weights": "resnet50", "size": 64}

    @classmethod
    def setUpClass(cls):
        description = _OBJECTS["resnet50"]
        cls.weights = _generator["make_resnet50"](description["bytes"], 1)

    def setUp(self):
        self.picture = _generator["make_jpeg"](30000, 7)
        self.store = CountingStore(picture=self.picture, resnet50=self.weights)

    def test_names_the_five_categories_that_the_published_network_and_preparation_give(self):
        length = int.from_bytes(self.weights[:8], "little")
        header, numbers = json.loads(self.weights[8 : 8 + length]), self.weights[8 + length :]
        network = torchvision.models.resnet50(weights=None).eval()
        network.load_state_dict({
            name: torch.frombuffer(
                bytearray(numbers[slice(*entry["data_offsets"])]), dtype=torch.float32
            ).reshape(entry["shape"])
            for name, entry in header.items()
        })
        published = torchvision.models.ResNet50_Weights.IMAGENET1K_V1
        prepare = published.transforms(crop_size=64, resize_size=64)
        picture = prepare(Image.open(io.BytesIO(self.picture))).unsqueeze(0)
        with torch.no_grad():
            scores, indices = network(picture)[0].softmax(0).topk(5)
        result = call("recognition", self.params, self.store)
        self.assertEqual([entry["index"] for entry in result["top"]], indices.tolist())
        for entry, score in zip(result["top"], scores.tolist()):
            self.assertAlmostEqual(entry["score"], score, delta=0.00051)
            self.assertEqual(entry["name"], published.meta["categories"][entry["index"]])

    def test_the_result_depends_on_the_picture(self):
        self.store["other"] = _generator["make_jpeg"](30000, 8)
        self.assertNotEqual(
            call("recognition", {**self.params, "input": "other"}, self.store),
            call("recognition", self.params, self.store),
        )

    def test_the_weights_are_fetched_once(self):
        _registry.load("recognition")._kept.clear()
        call("recognition", self.params, self.store)
        call("recognition", self.params, self.store)
        self.assertEqual(self.store.fetched.count("resnet50"), 1)

    def test_a_processor_without_wide_instructions_gives_the_same_result(self):
        with tempfile.TemporaryDirectory() as folder:
            for name, data in self.store.items():
                with open(os.path.join(folder, name), "wb") as file:
                    file.write(data)
            limits = {"ATEN_CPU_CAPABILITY": "default", "DNNL_MAX_CPU_ISA": "SSE41",
                      "OPENBLAS_CORETYPE": "Nehalem"}  # fmt: skip
            script = f"""if True:
                import json, os, sys
                os.environ.update({limits!r})
                sys.path[:0] = [{os.path.dirname(__file__)!r}]
                from support import FUNCTIONS, DictStore
                from faasnap_runtime.registry import Registry
                store = DictStore()
                for name in os.listdir({folder!r}):
                    store[name] = open(os.path.join({folder!r}, name), "rb").read()
                result = Registry(FUNCTIONS).load("recognition").handle({self.params!r}, store)
                print(json.dumps(result))
            """
            output = subprocess.run(
                [os.path.join(ROOTFS, "python"), os.environ["FAASNAP_TREE"], "-c", script],
                stdout=subprocess.PIPE, check=True,
            ).stdout  # fmt: skip
        self.assertEqual(json.loads(output), call("recognition", self.params, self.store))

    def test_refuses_weights_that_do_not_fit(self):
        header = b'{"fc.bias": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}'
        lacking = len(header).to_bytes(8, "little") + header + bytes(4)
        for number, data in enumerate((b"", b"text", self.weights[:-4], lacking)):
            with self.subTest(data[:20]):
                key = f"unfit-{number}"
                self.store[key] = data
                with self.assertRaisesRegex(ValueError, f"parameter 'weights': '{key}' does not"):
                    call("recognition", {**self.params, "weights": key}, self.store)

    def test_refuses_wrong_parameters(self):
        for wrong, parameter in (
            ({"size": 16}, "size"),
            ({"size": "64"}, "size"),
            ({"input": "absent"}, "input"),
            ({"input": "resnet50"}, "input"),
            ({"weights": "absent"}, "weights"),
            ({"weights": ["resnet50"]}, "weights"),
        ):
            with self.subTest(wrong):
                with self.assertRaisesRegex(ValueError, f"parameter '{parameter}'"):
                    call("recognition", {**self.params, **wrong}, self.store)

    def test_the_generated_weights_are_determined_by_their_seed(self):
        first, again, other = (
            sha256(_generator["make_resnet50"](len(self.weights), seed)) for seed in (1, 1, 2)
        )
        self.assertEqual(again, first)
        self.assertNotEqual(other, first)


if __name__ == "__main__":
    unittest.main()
