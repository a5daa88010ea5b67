# SPDX-License-Identifier: Apache-2.0
"""`faasnap image make` of functions: a Python file, a directory, a zip archive, a bootstrap."""

import os
import stat
import unittest
import zipfile

from image_case import AsNobody, ImageCase

HANDLER = "import json\n\n\ndef handler(event, context):\n    return event\n"


class Function(ImageCase):
    def setUp(self):
        super().setUp()
        self.on_base = ("--base", self.base())

    def zip(self, name, members):
        """A zip archive of (name or ZipInfo, text)."""
        with zipfile.ZipFile(self.path(name), "w", zipfile.ZIP_DEFLATED) as archive:
            for member, text in members:
                archive.writestr(member, text)
        return self.path(name)

    @staticmethod
    def link(name, target):
        info = zipfile.ZipInfo(name)
        info.create_system = 3
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        return info, target


class OnABase(Function):
    def test_a_python_file_lies_on_the_base(self):
        manifest = self.make("hello", self.write("hello.py", HANDLER), *self.on_base)
        self.assertEqual(manifest["source"]["kind"], "function")
        self.assertEqual(self.content("hello", "var/task/hello.py"), HANDLER)
        self.assertEqual(self.config("hello")["Faasnap"]["Handler"], "hello.handler")
        self.assertEqual(self.config("hello")["WorkingDir"], "/var/task")
        # What the base has is there.
        self.assertTrue(os.access(os.path.join(self.unpacked("hello"), "usr/bin/busybox"),
                                  os.X_OK))
        self.assertEqual(os.readlink(os.path.join(self.unpacked("hello"), "bin")), "usr/bin")

    def test_a_directory_with_a_dependency(self):
        function = self.tree("function", {"app.py": "from dep.inner import (\n    go as\n run,\n)\n",
                                          "dep/__init__.py": "", "dep/inner.py": "go = 1\n"})
        for path, mode in (("app.py", 0o600), ("dep", 0o700), ("dep/inner.py", 0o700)):
            os.chmod(os.path.join(function, path), mode)
        self.make("f", function, "--handler", "app.run", *self.on_base)
        self.assertEqual(self.content("f", "var/task/dep/inner.py"), "go = 1\n")
        for path, mode in (("app.py", "0644"), ("dep", "0755"), ("dep/inner.py", "0755")):
            self.assertRegex(self.attributes("f", f"var/task/{path}"), rf"Access: {mode}/")

    def test_a_zip_archive_is_the_same_in_every_time_zone(self):
        self.zip("packed.zip", [("app.py", HANDLER), ("data/caf\u00e9.txt", "text"),
                                self.link("data/same", "../app.py")])
        os.symlink("packed.zip", self.path("f.zip"))
        archive = self.path("f.zip")
        base, name = self.on_base, ("--image-config", '{"Faasnap": {"Name": "f"}}')
        sums = [self.make(f"f{number}", archive, "--handler", "app.handler", *base, *name, TZ=zone,
                          LC_ALL=locale)["files"]
                for number, (zone, locale) in enumerate((("UTC0", "C"), ("XYZ-9", "C.UTF-8")))]
        self.assertEqual(sums[0], sums[1])
        self.assertEqual(self.content("f0", "var/task/data/caf\u00e9.txt"), "text")
        self.assertEqual(self.content("f0", "var/task/data/same"), HANDLER)

    def test_a_bootstrap_runs_itself(self):
        function = self.tree("function", {"bootstrap": "#!/bin/sh\nexec sleep 1\n"})
        self.refused_make(1, function, *self.on_base, says="bootstrap may not be executed")
        os.chmod(os.path.join(function, "bootstrap"), 0o700)
        self.make("f", function, *self.on_base)
        self.assertEqual(self.config("f")["Entrypoint"], ["/var/task/bootstrap"])

    def test_the_entry_point_of_the_base_gets_the_handler(self):
        self.make("runtime", self.root_tree(), "--base", self.on_base[1], "--image-config",
                  '{"Entrypoint": ["/usr/bin/serve", "-x"], "Cmd": ["old"], "Env": ["A=B"], '
                  '"User": "worker"}')
        function = self.tree("function", {"index.mjs": "export const handler = async () => 1;\n"})
        self.make("f", function, "--handler", "index.handler", "--base", "runtime")
        config = self.config("f")
        self.assertEqual((config["Entrypoint"], config["Cmd"], config["Env"], config["User"]),
                         (["/usr/bin/serve", "-x"], ["index.handler"], ["A=B"], "worker"))
        self.assertEqual(config["Faasnap"]["Name"], "f")

    def test_what_is_asked_for_replaces_what_a_function_has(self):
        function = self.tree("function", {"bootstrap": "#!/bin/sh\n", "app.py": HANDLER})
        os.chmod(os.path.join(function, "bootstrap"), 0o755)
        os.symlink("function", self.path("link"))
        self.make("f", self.path("link"), *self.on_base, "--image-config",
                  '{"Cmd": ["-v"], "WorkingDir": "/srv", "Faasnap": {"Handler": "any"}}')
        config = self.config("f")
        self.assertEqual((config["Entrypoint"], config["Cmd"], config["WorkingDir"]),
                         (["/var/task/bootstrap"], ["-v"], "/srv"))
        self.assertEqual(config["Faasnap"]["Handler"], "any")

    def test_made_twice_it_is_the_same(self):
        function = self.tree("function", {"app.py": HANDLER, "a/b/c": "d"})
        sums = [self.make(name, function, "--handler", "app.handler", *self.on_base,
                          "--image-config", '{"Faasnap": {"Name": "f"}}')["files"]
                for name in ("one", "two")]
        self.assertEqual(sums[0], sums[1])

    def test_a_base_that_links_elsewhere_is_written_in_place(self):
        os.makedirs(self.path("outside"))
        root = self.tree("root", {"var": (self.path("outside"),),
                                  "etc/faasnap": ("../srv",)})
        self.root_tree()
        self.make("odd", root, "--entrypoint", "/usr/bin/serve", *self.on_base)
        self.make("f", self.write("hello.py", HANDLER), "--base", "odd")
        self.assertEqual(os.listdir(self.path("outside")), [])
        self.assertIn("hello.handler", self.content("f", "srv/image.json"))


class Refused(Function):
    def refused_function(self, files, *options, says=()):
        function = self.tree("function", files)
        return self.refused_make(1, function, *options, *self.on_base, says=says)

    def test_handlers_that_are_not_there(self):
        files = {"app.py": "# def handler\nimport os\nother = os.handler\nprint(handlers)\n",
                 "index.js": "exports.handler = 1\n"}
        for handler, says in (("app.handler", "app.py does not define 'handler'"),
                              ("none.handler", "the function has no file none.py"),
                              ("../app.handler", "expected MODULE.FUNCTION"),
                              ("app", "expected MODULE.FUNCTION"),
                              (".handler", "expected MODULE.FUNCTION"),
                              ("app.", "expected MODULE.FUNCTION")):
            with self.subTest(handler):
                self.refused_function({} if os.path.isdir(self.path("function")) else files,
                                      "--handler", handler, says=says)
        self.refused_make(1, self.write("empty.py", "x = 1\n"), *self.on_base,
                          says=("no handler", "--handler"))

    def test_bases_that_run_no_handler(self):
        base = self.base("bare", {"Env": ["A=B"]})
        for files, handler in (({"app.py": HANDLER}, "app.handler"),
                               ({"index.js": "exports.handler = 1\n"}, "index.handler")):
            self.refused_make(1, self.tree("function", files), "--handler", handler, "--base", base,
                              says=(handler, "the base image has no entry point", "--base"))
        self.tree("program", {"bootstrap": "#!/bin/sh\n"})
        os.chmod(self.path("program", "bootstrap"), 0o755)
        self.make("f", self.path("program"), "--base", base)

    def test_handlers_that_are_defined_in_unusual_ways(self):
        for text in ("async def handler(e, c): pass\n", "handler = print\n",
                     "handler: object = print\n", "from os import *\n", "class handler: pass\n",
                     "import os as handler\n", "from os import (\n    path,\n    handler)\n",
                     "if 1:\n    def handler(e, c): pass\n", "a, handler = 1, 2\n"):
            with self.subTest(text):
                self.make("f", self.write("app.py", text), "--handler", "app.handler", "--force",
                          *self.on_base)

    def test_links_that_lead_out(self):
        for target in ("/etc/passwd", "../..", "a/../../b"):
            with self.subTest(target):
                if os.path.lexists(self.path("function", "link")):
                    os.remove(self.path("function", "link"))
                self.refused_function({"link": (target,)}, "--handler", "app.handler",
                                      says=("link is a symbolic link", "leads out", target))

    def test_zip_archives_that_lead_out(self):
        for name in ("../escaped", "a/../../escaped", "/escaped", "a/../b"):
            with self.subTest(name):
                archive = self.zip("f.zip", [("app.py", HANDLER), (name, "x")])
                self.refused_make(1, archive, "--handler", "app.handler", *self.on_base,
                                  says=("f.zip: ", "leads out"))
        for target in ("/etc", "../.."):
            archive = self.zip("f.zip", [("app.py", HANDLER), self.link("out", target),
                                         ("out/escaped", "x")])
            self.refused_make(1, archive, "--handler", "app.handler", *self.on_base)
        self.assertFalse(os.path.exists("/escaped"))
        for directory, _, files in os.walk(self.dir):
            self.assertNotIn("escaped", files, directory)

    def test_zip_archives_that_are_bombs_or_broken(self):
        bomb = self.zip("bomb.zip", [("app.py", HANDLER), ("zeros", bytes(200 << 20))])
        self.refused_make(1, bomb, "--handler", "app.handler", *self.on_base, "--max-size", "64M",
                          says=("bomb.zip: ", "64 MiB (--max-size)"))
        with open(self.zip("f.zip", [("app.py", HANDLER * 100)]), "rb") as file:
            data = file.read()
        for cut in (10, len(data) // 2, len(data) - 30):
            with open(self.path("cut.zip"), "wb") as file:
                file.write(data[:cut])
            self.refused_make(1, self.path("cut.zip"), "--handler", "app.handler", *self.on_base,
                              says="cut.zip: ")
        with open(self.path("flipped.zip"), "wb") as file:
            file.write(data[:60] + bytes([data[60] ^ 0xff]) + data[61:])
        self.refused_make(1, self.path("flipped.zip"), "--handler", "app.handler", *self.on_base,
                          says="flipped.zip: ")

    def test_a_damaged_base_is_refused_and_reads_nothing_else(self):
        image = os.path.join(self.on_base[1], "rootfs.img")
        with open(image, "rb") as file:
            good = file.read()
        hello = self.write("hello.py", HANDLER)
        # The root directory's inode, its data, and the root's number.
        for offset in (1024, 1024 + 14, 1024 + 80, 1152 + 1, 1152 + 8, 1152 + 64 + 8):
            for value in (0xff, 0x01):
                data = bytearray(good)
                data[offset] ^= value
                with open(image, "wb") as file:
                    file.write(data)
                done = self.run_cli("image", "make", "x", "--from", hello, *self.on_base, "--force")
                self.assertIn(done.returncode, (0, 1), done.stderr)
                self.assertLessEqual(done.stderr.count("\n"), 1)
        with open(image, "wb") as file:
            file.write(good[:4096])
        self.refused(1, "image", "make", "y", "--from", hello, *self.on_base, says="rootfs.img")


class OnABaseAsNobody(AsNobody, OnABase):
    pass


if __name__ == "__main__":
    unittest.main()
