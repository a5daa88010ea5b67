# SPDX-License-Identifier: Apache-2.0
"""The result of each function of the base image for given parameters, with a store in memory."""

import hashlib
import io
import json
import random
import unittest
import zipfile

import numpy
from PIL import Image
from support import FUNCTIONS, DictStore

from faasnap_runtime.registry import Registry

_registry = Registry(FUNCTIONS)


def call(name, params, store=None):
    return _registry.load(name).handle(params, DictStore() if store is None else store)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class FunctionsTest(unittest.TestCase):
    def test_all_functions_of_the_paper_are_there(self):
        self.assertEqual(
            _registry.names(),
            ["chameleon", "compression", "ffmpeg", "hello", "image", "json", "matmul", "mmap",
             "pagerank", "pyaes", "read", "recognition"],
        )

    def test_equal_parameters_give_equal_results(self):
        for name, params in (
            ("chameleon", {"rows": 5, "columns": 7}),
            ("matmul", {"n": 40, "seed": 9}),
            ("pagerank", {"nodes": 300, "seed": 9}),
            ("pyaes", {"length": 1000, "seed": 9}),
        ):
            with self.subTest(name):
                random.seed()
                first = call(name, params)
                random.seed()
                self.assertEqual(call(name, params), first)

    def test_another_seed_gives_another_result(self):
        for name, params in (
            ("matmul", {"n": 40}), ("pagerank", {"nodes": 300}), ("pyaes", {"length": 1000})
        ):
            with self.subTest(name):
                first = call(name, {**params, "seed": 1})
                self.assertNotEqual(call(name, {**params, "seed": 2}), first)

    def test_bad_parameters_are_value_errors_that_name_them(self):
        for name, params, parameter in (
            ("hello", {"name": 3}, "name"),
            ("mmap", {"mib": 0}, "mib"),
            ("mmap", {"mib": 1 << 40}, "mib"),
            ("read", {"mib": "8"}, "mib"),
            ("matmul", {}, "n"),
            ("matmul", {"n": 2.5}, "n"),
            ("matmul", {"n": True}, "n"),
            ("matmul", {"n": 4, "seed": -1}, "seed"),
            ("pyaes", {"length": -1}, "length"),
            ("chameleon", {"rows": 3}, "columns"),
            ("pagerank", {"nodes": []}, "nodes"),
            ("json", {}, "input"),
            ("image", {"input": ""}, "input"),
            ("compression", {"input": "absent"}, "input"),
        ):
            with self.subTest(name=name, params=params):
                with self.assertRaisesRegex(ValueError, f"parameter '{parameter}'"):
                    call(name, params)

    def test_hello_greets(self):
        self.assertEqual(call("hello", {"name": "guest"}), {"message": "Hello, guest!"})
        self.assertEqual(call("hello", {}), {"message": "Hello, world!"})

    def test_mmap_writes_a_byte_to_each_page(self):
        pages = 3 * 256
        expected = sum(page % 251 for page in range(pages))
        self.assertEqual(call("mmap", {"mib": 3}), {"pages": pages, "sum": expected})

    def test_read_visits_every_512th_element(self):
        elements = 2 * 256
        expected = sum(index * 512 % 251 for index in range(elements))
        self.assertEqual(call("read", {"mib": 2}), {"elements": elements, "sum": expected})

    def test_json_stores_the_document_indented(self):
        store = DictStore(doc=b'{"b": [1, 2.5, null], "a": "\\u00e9"}')
        result = call("json", {"input": "doc"}, store)
        output = store["doc.indented"]
        self.assertEqual(json.loads(output), json.loads(store["doc"]))
        self.assertIn(b'\n    "b": [\n        1,', output)
        self.assertEqual(result, {"bytes": len(output), "sha256": sha256(output)})

    def test_json_refuses_a_stored_object_that_is_none(self):
        with self.assertRaises(ValueError):
            call("json", {"input": "doc"}, DictStore(doc=b"{"))

    def test_image_stores_three_turned_pictures(self):
        picture = Image.new("RGB", (64, 32), "black")
        picture.paste("white", (0, 0, 32, 32))
        buffer = io.BytesIO()
        picture.save(buffer, format="JPEG")
        store = DictStore(picture=buffer.getvalue())
        result = call("image", {"input": "picture"}, store)
        self.assertEqual((result["width"], result["height"]), (64, 32))
        # The white half is on the left; turned counter-clockwise it is at the bottom, and so on.
        for output, size, white in zip(
            result["outputs"], ((32, 64), (64, 32), (32, 64)), ((16, 56), (56, 16), (16, 8))
        ):
            data = store[output["key"]]
            turned = Image.open(io.BytesIO(data))
            self.assertEqual(turned.size, size)
            self.assertGreater(min(turned.getpixel(white)), 240)
            self.assertEqual((output["bytes"], output["sha256"]), (len(data), sha256(data)))

    def test_image_refuses_what_is_no_jpeg(self):
        buffer = io.BytesIO()
        Image.new("RGB", (8, 8)).save(buffer, format="PNG")
        for data in (b"", b"text", buffer.getvalue()):
            with self.assertRaisesRegex(ValueError, "not a JPEG"):
                call("image", {"input": "picture"}, DictStore(picture=data))

    def test_matmul_is_the_exact_product(self):
        result = call("matmul", {"n": 30, "seed": 5})
        generator = numpy.random.default_rng(5)
        left = generator.integers(0, 512, (30, 30)).tolist()
        right = generator.integers(0, 512, (30, 30)).tolist()
        product = [
            [sum(a * b for a, b in zip(row, column)) for column in zip(*right)] for row in left
        ]
        self.assertEqual(result["trace"], sum(product[i][i] for i in range(30)))
        self.assertEqual(result["largest"], max(map(max, product)))

    def test_pyaes_encrypts_as_aes_256_ctr_does(self):
        # What "openssl enc -aes-256-ctr" makes of the same message, key and first counter (1).
        result = call("pyaes", {"length": 64, "seed": 3})
        expected = "6d92b119a25b6ed58f9cc9d443de53b912007812278f0299ca3f7c24f54cfb9f"
        self.assertEqual(result, {"bytes": 64, "sha256": expected})

    def test_chameleon_renders_a_cell_for_each_row_and_column(self):
        small = call("chameleon", {"rows": 1, "columns": 1})
        row = call("chameleon", {"rows": 2, "columns": 1})
        cell = call("chameleon", {"rows": 1, "columns": 2})
        self.assertGreater(row["bytes"] - small["bytes"], cell["bytes"] - small["bytes"])
        self.assertGreater(cell["bytes"], small["bytes"])

    def test_compression_stores_an_archive_of_the_document(self):
        document = b"text that repeats " * 500
        store = DictStore(doc=document)
        result = call("compression", {"input": "doc"}, store)
        with zipfile.ZipFile(io.BytesIO(store["doc.zip"])) as archive:
            self.assertEqual(archive.read("doc"), document)
        self.assertEqual(result["bytes"], len(document))
        self.assertEqual(result["zip_bytes"], len(store["doc.zip"]))
        self.assertLess(result["zip_bytes"], len(document) // 10)

    def test_pagerank_orders_the_best_nodes(self):
        result = call("pagerank", {"nodes": 500, "edges": 3, "seed": 2})
        ranks = [entry["rank"] for entry in result["top"]]
        self.assertEqual(ranks, sorted(ranks, reverse=True))
        self.assertEqual(len({entry["node"] for entry in result["top"]}), 10)
        # Ranks sum to 1, so the best of 500 nodes lies above the mean.
        self.assertGreater(ranks[0], 1 / 500)
        self.assertGreater(result["edges"], 1000)


if __name__ == "__main__":
    unittest.main()
