# SPDX-License-Identifier: Apache-2.0
"""`faasnap image`: root file systems of directories, the images' names, ls, inspect and rm."""

import json
import os
import re
import resource
import signal
import subprocess
import time
import unittest

from cli_case import FAASNAP
from image_case import EPOCH, AsNobody, ImageCase

SERVE = ("--entrypoint", "/usr/bin/serve")


def crc32c(data):
    value = 0xffffffff
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82f63b78 if value & 1 else 0)
    return value ^ 0xffffffff


def name_root_image(manifest, image):
    """Lets a snapshot's manifest (docs/reference/snapshot-format.md) name a root image."""
    with open(manifest, encoding="utf-8") as file:
        lines = [line for line in file if not line.startswith(("crc32c", "root_image"))]
    text = "".join(lines) + f"root_image.path = {image}\nroot_image.bytes = 1\n"
    text += "root_image.crc32c = 00000000\n"
    with open(manifest, "w", encoding="utf-8") as file:
        file.write(text + f"crc32c = {crc32c(text.encode()):08x}\n")


class Directory(ImageCase):
    def test_the_image_has_the_files_and_the_manifest_says_what_runs(self):
        root = self.root_tree()
        manifest = self.make("served", root, *SERVE, "--base", self.base())
        os.makedirs(os.path.join(root, "etc/faasnap"))
        with open(os.path.join(root, "etc/faasnap/image.json"), "w", encoding="utf-8") as file:
            json.dump(manifest["config"], file, indent=2)
            file.write("\n")
        self.assert_same_trees(root, self.unpacked("served"))
        self.assertEqual(manifest["config"]["Entrypoint"], ["/usr/bin/serve"])
        self.assertEqual(manifest["config"]["Faasnap"]["Name"], "served")
        for name, text in (("vmlinux", "the vmlinux"), ("initramfs", "the initramfs")):
            with open(self.image("served", name), encoding="utf-8") as file:
                self.assertEqual(file.read(), text)
        self.assertEqual(sorted(os.listdir(self.image(""))), ["served"])
        self.assertEqual(sorted(os.listdir(self.image("served"))),
                         ["image.json", "initramfs", "rootfs.img", "vmlinux"])

    def test_made_twice_it_is_the_same(self):
        root, base = self.root_tree(), self.base()
        sums = [self.make(name, root, *SERVE, "--base", base, "--image-config",
                          '{"Faasnap": {"Name": "f"}}')["files"] for name in ("one", "two")]
        self.assertEqual(sums[0], sums[1])

    def test_no_file_is_later_than_source_date_epoch(self):
        root, base = self.root_tree(), self.base()
        sums = []
        for name in ("one", "two"):
            for directory, _, files in os.walk(root):
                for file in files:
                    os.utime(os.path.join(directory, file), follow_symlinks=False)
            sums.append(self.make(name, root, *SERVE, "--base", base, "--image-config",
                                  '{"Faasnap": {"Name": "f"}}', SOURCE_DATE_EPOCH=str(EPOCH)))
            time.sleep(1.1)
        self.assertEqual(sums[0]["files"], sums[1]["files"])
        self.assertEqual(sums[0]["created"], "2020-09-13T12:26:40Z")

    def test_files_of_every_size_and_directories_of_many_names(self):
        root = self.root_tree()
        files = {f"srv/{size}": os.urandom(size) for size in
                 (0, 1, 4031, 4032, 4033, 4095, 4096, 4097, 8191, 12288, 3 << 20)}
        files.update({f"srv/many/{'n' * (number % 200)}{number}": str(number)
                      for number in range(1500)})
        files["srv/+first"] = files["srv/-second"] = "before the dots"
        files["srv/long"] = ("t" * 4000,)
        root = self.tree("root", files)
        self.make("sizes", root, *SERVE, "--base", self.base())
        out = self.unpacked("sizes")
        os.remove(os.path.join(out, "etc/faasnap/image.json"))
        os.rmdir(os.path.join(out, "etc/faasnap"))
        self.assert_same_trees(root, out)

    def test_what_is_the_callers_is_roots_and_modes_stay(self):
        root = self.tree("root", {"srv/set": "x"})
        os.chmod(os.path.join(root, "srv/set"), 0o4751)
        root = self.root_tree()
        os.link(os.path.join(root, "srv/set"), os.path.join(root, "srv/other"))
        self.make("owned", root, *SERVE, "--base", self.base())
        said = self.attributes("owned", "srv/set")
        self.assertRegex(said, r"Uid: 0 +Gid: 0 +Access: 0751/")
        # fsck.erofs and dump.erofs show no bits of setuid: the inode has them.
        with open(self.image("owned", "rootfs.img"), "rb") as image:
            image.seek(32 * int(re.search(r"NID: (\d+)", said)[1]) + 4)
            self.assertEqual(int.from_bytes(image.read(2), "little"), 0o104751)
        self.assertIn("Links: 2", said)

    @unittest.skipUnless(os.geteuid() == 0, "only root can give files to others")
    def test_other_owners_stay(self):
        root = self.root_tree()
        os.lchown(os.path.join(root, "srv"), 1000, 70000)
        self.make("owned", root, *SERVE, "--base", self.base())
        self.assertRegex(self.attributes("owned", "srv"), r"Uid: 1000 +Gid: 70000 ")

    def test_the_configuration_is_what_is_asked_for(self):
        given = {"Entrypoint": ["serve", "-v"], "Cmd": ["a b"], "Env": ["A=1,2", "PATH=/bin"],
                 "WorkingDir": "/srv", "User": "worker:worker",
                 "Faasnap": {"Concurrency": 4, "TimeoutMs": 3000, "MemoryMiB": 512}}
        self.make("set", self.root_tree(), "--base", self.base(), "--image-config",
                  json.dumps(given))
        config = self.config("set")
        given["Faasnap"].update({"Name": "set", "Handler": ""})
        self.assertEqual(config, given)

    def test_an_image_can_be_a_base(self):
        self.make("base", self.root_tree(), *SERVE, "--base", self.base("made"))
        self.write("hello.py", "def handler(event, context):\n    return event\n")
        self.make("hello", self.path("hello.py"), "--base", "base")
        self.assertEqual(self.config("hello")["Faasnap"]["Handler"], "hello.handler")


class Names(ImageCase):
    def test_images_are_listed_shown_and_removed(self):
        root, base = self.root_tree(), self.base()
        self.assertEqual(self.run_cli("image", "ls").stdout, "")
        for name in ("two", "one"):
            self.make(name, root, *SERVE, "--base", base)
        lines = self.run_cli("image", "ls").stdout.splitlines()
        self.assertEqual([line.split()[0] for line in lines], ["one", "two"])
        listed = [json.loads(line) for line in
                  self.run_cli("image", "ls", "--json").stdout.splitlines()]
        self.assertEqual([each["name"] for each in listed], ["one", "two"])
        shown = self.run_cli("image", "inspect", "one")
        self.assertIn("entry point   /usr/bin/serve", shown.stdout)
        self.assertEqual(json.loads(self.run_cli("image", "inspect", "one", "--json").stdout),
                         listed[0])
        done = self.run_cli("image", "rm", "one")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        self.assertEqual(os.listdir(self.image("")), ["two"])
        self.refused(1, "image", "rm", "one", says=("'one' not found", "two"))
        self.refused(1, "image", "inspect", "one", says="'one' not found")

    def test_a_directory_can_be_named(self):
        self.make("x", self.root_tree(), *SERVE, "--base", self.base(), "--images", "mine")
        self.assertEqual(os.listdir(self.path("mine")), ["x"])
        self.assertIn("x ", self.run_cli("image", "ls", "--images", "mine").stdout)

    def test_other_commands_find_it(self):
        self.make("x", self.root_tree(), *SERVE, "--base", self.base())
        self.refused(1, "record", "hello", "--snapshot", "s", "--image", "none",
                     says=("'none' not found", "x"))
        # The base of these tests has no kernel; a host without KVM says that first.
        missing = self.image("x", "vmlinux") if os.path.exists("/dev/kvm") else "offers no KVM"
        self.refused(1, "boot", "--image", "x", "--in-process", says=missing)

    def test_a_name_is_taken_once(self):
        root, base = self.root_tree(), self.base()
        first = self.make("x", root, *SERVE, "--base", base)
        self.refused(1, "image", "make", "x", "--from", root, *SERVE, "--base", base,
                     says=("'x' already exists", "--force"))
        os.remove(os.path.join(root, "etc/group"))
        second = self.make("x", root, *SERVE, "--base", base, "--force")
        self.assertNotEqual(first["files"], second["files"])
        self.assertEqual(os.listdir(self.image("")), ["x"])

    def test_a_failed_replacement_leaves_the_old_image(self):
        root, base = self.root_tree(), self.base()
        first = self.make("x", root, *SERVE, "--base", base)
        self.refused(1, "image", "make", "x", "--from", root, "--force", "--base", base,
                     says="no entry point")
        self.assertEqual(json.loads(self.run_cli("image", "inspect", "x", "--json").stdout), first)
        self.assertEqual(os.listdir(self.image("")), ["x"])

    def test_names_that_no_image_has(self):
        for name in ("", ".x", "a/b", "..", "-x", "x" * 65, "a b", "\u00e4"):
            for command in (("make", name, "--from", "x"), ("inspect", name), ("rm", name)):
                with self.subTest(command):
                    if not name.startswith("-"):
                        self.refused(2, "image", *command)
        self.refused(2, "image", "inspect", "a/b", says="not a name of an image")

    def test_an_image_that_a_snapshot_needs_stays(self):
        self.make("x", self.root_tree(), *SERVE, "--base", self.base())
        os.mkdir(self.path("snapshots"))
        subprocess.run([os.environ["MAKE_SNAPSHOT"], self.path("snapshots/bare"),
                        self.path("snapshots/whole")], check=True)
        name_root_image(self.path("snapshots/whole/manifest"), self.image("x", "rootfs.img"))
        self.refused(1, "image", "rm", "x", "--snapshots", "snapshots",
                     says="'x' is needed by the snapshots whole")
        name_root_image(self.path("snapshots/whole/manifest"), self.image("y", "rootfs.img"))
        self.assertEqual(
            self.run_cli("image", "rm", "x", "--snapshots", "snapshots").returncode, 0)

    def test_a_manifest_that_is_damaged(self):
        self.make("x", self.root_tree(), *SERVE, "--base", self.base())
        for text in ("", "{", "[]", '{"format": 2}'):
            with open(self.image("x", "image.json"), "w", encoding="utf-8") as file:
                file.write(text)
            self.refused(1, "image", "inspect", "x", says="image.json")
            self.refused(1, "image", "ls", says="image.json")


class Refused(ImageCase):
    def test_sources_that_are_none(self):
        base = ("--base", self.base())
        self.refused_make(1, "none", *SERVE, *base, says="none: cannot be read")
        self.refused_make(1, "/dev/null", *SERVE, *base, says="/dev/null: is neither")
        self.refused_make(1, self.write("text", "text"), *SERVE, *base, says="not an archive")
        self.refused_make(1, self.write("empty", ""), *SERVE, *base, says="empty: ")
        self.refused(2, "image", "make", "x", says="--from is missing")
        self.refused(2, "image", "make", "--from", "x", says="NAME is missing")

    def test_bases_that_are_none(self):
        root = self.root_tree()
        self.refused_make(1, root, *SERVE, "--base", "none", says="'none' not found")
        self.refused_make(1, root, *SERVE, "--base", "./none", says=("./none/vmlinux", "--base"))
        self.refused_make(1, root, *SERVE, says=("vmlinux", "--base"), FAASNAP_IMAGES="nowhere")
        base = self.base()
        hello = self.write("hello.py", "def handler(event, context): pass\n")
        with open(os.path.join(base, "rootfs.img"), "wb") as file:
            file.write(b"not an image" * 1000)
        self.refused_make(1, hello, "--base", base, says="is not an erofs image")
        os.remove(os.path.join(base, "rootfs.img"))
        self.refused_make(1, hello, "--base", base, says="needs a base image")

    def test_programs_that_cannot_run(self):
        root = self.tree("root", {
            "srv/text": "just text", "srv/script": "#!/usr/bin/none\n",
            "srv/loop": "#!/srv/loop\n", "srv/plain": "#!/bin/sh\n",
            "srv/arm": b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xb7\x00" + bytes(44),
            "srv/short": b"\x7fELF"})
        for name in ("text", "script", "loop", "arm", "short"):
            os.chmod(os.path.join(root, "srv", name), 0o755)
        self.root_tree()
        base = ("--base", self.base())
        for program, says in (("/srv/none", "/srv/none is not in the image"),
                              ("none", "'none' is not in the image's PATH"),
                              ("/srv", "is not in the image"),
                              ("/srv/plain", "may not be executed"),
                              ("/srv/text", "neither an ELF program nor a script"),
                              ("/srv/script", "/usr/bin/none, which /srv/script needs"),
                              ("/srv/loop", "too many interpreters"),
                              ("/srv/arm", "is not a program for x86-64"),
                              ("/srv/short", "is not a program for x86-64")):
            with self.subTest(program):
                self.refused_make(1, root, "--entrypoint", program, *base, says=says)
        self.refused_make(1, root, *base, says=("no entry point", "--entrypoint"))

    def test_configurations_that_are_wrong(self):
        root, base = self.root_tree(), ("--base", self.base(), *SERVE)
        for text, says in (('{"Entrypoint": "sh"}', "'Entrypoint' must be an array of strings"),
                           ('{"Env": ["A"]}', "expected NAME=VALUE"),
                           ('{"WorkingDir": "srv"}', "absolute"),
                           ('{"WorkingDir": "/none"}', "/none is not in the image"),
                           ('{"User": "stranger"}', "'stranger' is not in the image's /etc/passwd"),
                           ('{"User": "0:strangers"}', "/etc/group"),
                           ('{"Faasnap": {"Concurrency": 0}}', "'Concurrency' must be a number"),
                           ('{"Faasnap": {"Timeout": 1}}', "unknown key 'Timeout'"),
                           ('{"Entry": []}', "unknown key 'Entry'")):
            with self.subTest(text):
                self.refused_make(1, root, *base, "--image-config", text, says=says)
        self.refused_make(2, root, *base, "--image-config", "{", says="--image-config is not JSON")
        self.refused_make(2, root, *base, says="SOURCE_DATE_EPOCH", SOURCE_DATE_EPOCH="today")

    def test_more_than_the_size_allowed(self):
        root = self.root_tree()
        with open(os.path.join(root, "sparse"), "wb") as file:
            file.truncate(1 << 40)
        self.refused_make(1, root, *SERVE, "--base", self.base(), says="--max-size")
        self.refused_make(2, root, *SERVE, "--base", "x/", "--max-size", "1", says="--max-size")

    def test_a_disk_that_is_full(self):
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

        root, base = self.root_tree(), self.base()
        done = subprocess.run(
            [FAASNAP, "image", "make", "x", "--from", root, *SERVE, "--base", base],
            cwd=self.dir, env=self.env, preexec_fn=limit, stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL, timeout=60, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"\Afaasnap: [^\n]*rootfs.img: cannot be written[^\n]*\n\Z")
        self.assertEqual(os.listdir(self.image("")), [])

    def test_interrupted_it_leaves_nothing(self):
        root, base = self.root_tree(), self.base()
        with open(os.path.join(root, "large"), "wb") as file:
            file.truncate(7 << 30)
        with subprocess.Popen(
                [FAASNAP, "image", "make", "x", "--from", root, *SERVE, "--base", base],
                cwd=self.dir, env=self.env, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                text=True) as process:
            while process.poll() is None and not (
                    os.path.isdir(self.image("")) and os.listdir(self.image(""))):
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
        self.assertEqual((process.returncode, said), (130, "faasnap: interrupted\n"))
        self.assertEqual(os.listdir(self.image("")), [])

    def test_what_a_killed_process_has_left_goes(self):
        self.write("data/faasnap/images/.new-abcdef/rootfs.img", "half")
        self.make("x", self.root_tree(), *SERVE, "--base", self.base())
        self.assertEqual(os.listdir(self.image("")), ["x"])


class DirectoryAsNobody(AsNobody, Directory):
    test_other_owners_stay = None


if __name__ == "__main__":
    unittest.main()
