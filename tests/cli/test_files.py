# SPDX-License-Identifier: Apache-2.0
"""Settings files, images and snapshots that are missing or wrong."""

import os
import subprocess
import unittest

from cli_case import CliCase

INPUT = ("--input", '{"a": 1}')
RECORD = ("record", "hello", *INPUT, "--snapshot", "s")


class Config(CliCase):
    def rejects(self, line, content, *says):
        config = self.write("faasnap.toml", content)
        self.refused(2, *RECORD, "--config", config, says=(f"{config}:{line}: ", *says))
        self.refused(2, *RECORD, says=f"{config}:{line}: ", FAASNAP_CONFIG=config)

    def test_a_file_that_is_not_there(self):
        self.refused(2, *RECORD, "--config", "none.toml", says="none.toml")
        self.refused(2, *RECORD, "--config", self.dir, says=self.dir)

    def test_what_is_not_toml(self):
        self.rejects(2, "[vm]\nvcpus = = 2\n")

    def test_unknown_keys_and_sections(self):
        self.rejects(3, "[vm]\nvcpus = 2\ncores = 2\n", "cores", "[vm]")
        self.rejects(1, "[machine]\nvcpus = 2\n", "machine")
        self.rejects(1, "vcpus = 2\n", "vcpus")

    def test_values_of_the_wrong_kind_or_size(self):
        self.rejects(2, '[vm]\nvcpus = "two"\n', "vcpus")
        self.rejects(2, "[vm]\nvcpus = 9\n", "vcpus")
        self.rejects(2, "[vm]\nvcpus = 2.5\n", "vcpus")
        self.rejects(2, '[vm]\nfree_memory = "burn"\n', "free_memory", "keep")
        self.rejects(2, '[restore]\ncompress = "zip"\n', "compress", "none or lz4")
        self.rejects(2, "[vm]\nmemory = 2\n", "memory")
        self.rejects(2, '[vm]\nmemory = "2X"\n', "memory")
        self.rejects(2, '[restore]\nsetting = "magic"\n', "magic")
        self.rejects(2, "[restore]\nmerge_gap = -1\n", "merge_gap")
        self.rejects(2, "[images]\ndir = 1\n", "dir")
        self.rejects(2, '[store]\ndir = ""\n', "dir")

    def test_paths_are_relative_to_the_file(self):
        config = self.write("etc/faasnap.toml", '[images]\nkernel = "boot/vmlinux"\n')
        self.refused(1, *RECORD, "--config", config, says=self.path("etc", "boot", "vmlinux"))

    def test_options_come_before_the_file(self):
        config = self.write("faasnap.toml", '[images]\nkernel = "from-file"\n')
        self.refused(1, *RECORD, "--config", config, "--kernel", "from-option",
                     says="from-option")


class Images(CliCase):
    def images(self, *names):
        for name in names:
            self.write(os.path.join("images", name), "x")
        return self.path("images")

    def test_each_missing_image_is_named(self):
        names = ("vmlinux", "initramfs", "rootfs.img")
        for number, name in enumerate(names):
            with self.subTest(name):
                images = self.images(*names[:number])
                self.refused(1, *RECORD, "--images", images, says=(name, "--images"))
                self.refused(1, *RECORD, says=name, FAASNAP_IMAGES=images)

    def test_a_directory_in_the_kernels_place(self):
        self.refused(1, *RECORD, "--kernel", self.dir, says=("kernel", self.dir))

    def test_what_is_not_a_kernel_makes_no_snapshot(self):
        images = self.images("vmlinux", "initramfs", "rootfs.img")
        before = sorted(os.listdir(self.dir)) + [".local"]
        self.refused(1, *RECORD, "--images", images)
        self.assertEqual(sorted(os.listdir(self.dir)), sorted(before))


class Targets(CliCase):
    def setUp(self):
        super().setUp()
        for name in ("vmlinux", "initramfs", "rootfs.img"):
            self.write(os.path.join("images", name), "x")

    def record(self, snapshot, *more):
        return ("record", "hello", *INPUT, "--images", "images", "--snapshot", snapshot, *more)

    def test_a_snapshot_that_exists_is_left_alone(self):
        self.write("there/file", "keep")
        self.refused(1, *self.record("there"), says="already exists")
        self.refused(1, *self.record("there/"), says="already exists")
        os.symlink("nowhere", self.path("dangling"))
        self.refused(1, *self.record("dangling"), says="already exists")
        self.assertEqual(os.listdir(self.path("there")), ["file"])

    def test_a_directory_that_is_not_there(self):
        self.refused(1, *self.record("none/s"), says=("none", "not a directory"))
        self.refused(1, *self.record("images/vmlinux/s"), says="not a directory")

    @unittest.skipIf(os.geteuid() == 0, "root may write everywhere")
    def test_a_directory_that_cannot_be_written_to(self):
        os.mkdir(self.path("closed"), 0o500)
        self.refused(1, *self.record("closed/s"), says="closed")

    def test_a_directory_that_takes_no_files(self):
        self.refused(1, *self.record("/proc/s"), says="/proc")

    def test_a_store_that_cannot_be_made(self):
        self.write("file")
        self.refused(1, *self.record("s", "--store", "file/store"), says="file/store")


class WithoutProc(CliCase):
    """Sees an empty directory at /proc."""

    def run_cli(self, *arguments, **environment):
        hidden = 'mount -t tmpfs none /proc && exec "$@"'
        return subprocess.run(
            ["unshare", "--mount", "sh", "-c", hidden, "sh", self.program, *arguments],
            cwd=self.dir, env={**self.env, **environment}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, check=False)

    def setUp(self):
        super().setUp()
        try:
            subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/proc"],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        except (OSError, subprocess.CalledProcessError):
            self.skipTest("hiding /proc takes root")

    def test_no_vm_is_made_that_could_not_be_served(self):
        for name in ("vmlinux", "initramfs", "rootfs.img"):
            self.write(os.path.join("images", name), "x")
        for options in (), ("--in-process",):
            with self.subTest(options):
                self.refused(1, "invoke", "none", *options, says="/proc is not mounted")
                self.refused(1, "base", "make", "b", "--images", "images", *options,
                             says="/proc is not mounted")
        self.refused(1, "boot", "--images", "images", says="/proc is not mounted")
        self.assertEqual(sorted(os.listdir(self.dir)), [".local", "images"])


class Snapshots(CliCase):
    COMMANDS = (("inspect",), ("verify",), ("invoke", *INPUT, "--snapshot"))

    def test_what_is_not_there(self):
        for command in self.COMMANDS:
            with self.subTest(command):
                self.refused(1, *command, "none", says="none")

    def test_a_directory_that_is_no_snapshot(self):
        self.write("empty/.keep")
        for command in self.COMMANDS:
            with self.subTest(command):
                self.refused(1, *command, "empty", says="manifest")

    def test_a_manifest_that_is_garbage(self):
        self.write("garbage/manifest", "\x00\x01 not a manifest")
        for command in self.COMMANDS:
            with self.subTest(command):
                self.refused(1, *command, "garbage", says="garbage")

    def test_a_trace_file_is_not_tried_before_the_snapshot(self):
        self.refused(1, "invoke", *INPUT, "--snapshot", "none", "--trace", "trace.json")
        self.assertEqual(os.listdir(self.dir), [])

    def test_a_collector_is_named_by_a_url(self):
        for url in ("http://", "https://host/api/v2/spans", "ftp://host/x", "http://host:99999/x",
                    "http://host:0/", "http://a b/", "http://user@host/x"):
            with self.subTest(url):
                self.refused(2, "invoke", *INPUT, "--snapshot", "none", "--trace", url,
                             says=("--trace", url))

    def test_spans_are_for_records(self):
        self.refused(2, "invoke", *INPUT, "--snapshot", "none", "--spans", says="--json")


class Lab(CliCase):
    def test_the_lab_that_is_named_is_asked(self):
        fake = self.write("fake-lab", "#!/bin/sh\necho lab \"$@\"\nexit 7\n")
        os.chmod(fake, 0o755)
        done = self.run_cli("lab", "--cpus", "1", "--", "sh", "-c", "exit 7", FAASNAP_LAB=fake)
        self.assertEqual(done.returncode, 7)
        if done.stdout:  # KVM does not work here at speed
            self.assertEqual(done.stdout, "lab --cpus 1 -- sh -c exit 7\n")


if __name__ == "__main__":
    unittest.main()
