# SPDX-License-Identifier: Apache-2.0
"""Help, versions, and command lines that say nothing sensible."""

import os
import subprocess
import unittest

from cli_case import FAASNAP, CliCase

COMMANDS = ("doctor", "base", "record", "invoke", "inspect", "verify", "store", "snapshot",
            "image", "boot", "lab")
INPUT = ("--input", '{"a": 1}')


class Help(CliCase):
    def test_every_command_has_help_with_an_example(self):
        for command in COMMANDS:
            with self.subTest(command):
                done = self.run_cli(command, "--help")
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertIn(f"faasnap {command}", done.stdout)
                self.assertIn("example:\n  faasnap ", done.stdout)

    def test_the_general_help_names_every_command(self):
        done = self.run_cli("--help")
        self.assertEqual(done.returncode, 0)
        for command in COMMANDS:
            self.assertIn(f"\n  {command}", done.stdout)

    def test_the_version_is_a_line(self):
        self.assertRegex(self.run_cli("--version").stdout, r"\Afaasnap \d+\.\d+\.\d+\n\Z")

    def test_output_that_cannot_be_written_is_a_failure(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([FAASNAP, "inspect", "--help"], env=self.env, stdout=full,
                                  stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("standard output", done.stderr)


class Usage(CliCase):
    def test_no_command(self):
        self.refused(2, says="--help")

    def test_an_unknown_command(self):
        self.refused(2, "frobnicate", says="'frobnicate'")

    def test_an_unknown_option(self):
        for command in ("doctor", "record", "invoke", "inspect", "verify", "boot"):
            with self.subTest(command):
                self.refused(2, command, "--frobnicate", says=("frobnicate", f"{command} --help"))

    def test_an_argument_too_many(self):
        self.refused(2, "verify", "a", "b", says="'b'")

    def test_a_missing_argument(self):
        self.refused(2, "verify", says="DIR is missing")
        self.refused(2, "record", *INPUT, "--snapshot", "s", says="FUNCTION is missing")
        self.refused(2, "record", "hello", *INPUT, says="--snapshot is missing")
        self.refused(2, "invoke", *INPUT, says="DIR, the snapshot to restore, is missing")
        self.refused(2, "invoke", "s", "--snapshot", "s", says="twice")
        self.refused(2, "lab", says="command")
        self.refused(2, "lab", "--cpus", "2", "--", says="command")

    def test_a_catalogue_that_is_missing_is_explained(self):
        self.refused(2, "snapshot", "ls", says=("--redis is missing", "A catalogue is"))
        self.refused(2, "snapshot", "ls", "--redis", "none",
                     says=("--catalogue is missing", "A catalogue is"))

    def test_the_snapshot_is_an_argument_and_the_input_empty_by_default(self):
        self.refused(1, "invoke", "none", says="none")
        self.refused(1, "invoke", "--snapshot", "none", says="none")
        self.refused(1, "record", "hello", "--snapshot", "none/none", "--images", "none",
                     says="none")

    def test_an_option_without_its_value_or_given_twice(self):
        self.refused(2, "record", "hello", "--input")
        self.refused(2, "record", "hello", *INPUT, *INPUT, "--snapshot", "s", says="2 times")
        self.refused(2, "record", "hello", *INPUT, "--snapshot=", says="snapshot")

    def test_input_that_is_not_json(self):
        for text in ("{", "{'a': 1}", "", "nonsense", '{"a": 1} x', "{\"a\": \"\udcff\"}"):
            with self.subTest(text):
                self.refused(2, "record", "hello", "--input", text, "--snapshot", "s",
                             says="--input")

    def test_input_that_is_no_object(self):
        for text in ("1", "[]", '"a"', "null"):
            with self.subTest(text):
                self.refused(2, "invoke", "--input", text, "--snapshot", "s", says="JSON object")

    def test_input_nested_without_bounds(self):
        deep = self.write("deep.json", '{"a":' + "[" * 1_000_000 + "]" * 1_000_000 + "}")
        self.refused(2, "record", "hello", "--input", "@" + deep, "--snapshot", "s",
                     says="not JSON")

    def test_an_input_file_that_is_not_there(self):
        self.refused(2, "record", "hello", "--input", "@none", "--snapshot", "s", says="@none")
        for text in "{}", "[1]", "[{}", '["a"]', "@none":
            self.refused(2, "record", "hello", "--other-inputs", text, "--snapshot", "s",
                         says="--other-inputs")

    def test_names_that_no_function_has(self):
        for name in ("../hello", ".hello", "a b", "x" * 65, "hello\nworld"):
            with self.subTest(name):
                self.refused(2, "record", name, *INPUT, "--snapshot", "s", says="function")

    def test_numbers_and_sizes_out_of_range(self):
        record = ("record", "hello", *INPUT, "--snapshot", "s")
        for value in ("0", "9", "-1", "two", "1.5", "99999999999999999999"):
            with self.subTest(vcpus=value):
                self.refused(2, *record, f"--vcpus={value}", says="1 to 8")
        for value in ("2", "2T", "G", "-1G", "127M", "17G", "99999999999999999999G"):
            with self.subTest(memory=value):
                self.refused(2, *record, f"--memory={value}", says="memory")
        for value in ("0", "-1", "x"):
            with self.subTest(repeat=value):
                self.refused(2, "invoke", "--snapshot", "s", *INPUT, f"--repeat={value}",
                             says="--repeat")

    def test_disks_for_a_vm_that_is_restored(self):
        for disk in (("--scratch", "1G"), ("--disk", "data.img:ro"), ("--overlay", "1G")):
            for setting in ("faasnap", "warm"):
                with self.subTest(disk=disk, setting=setting):
                    self.refused(2, "invoke", "--snapshot", "s", *INPUT, *disk,
                                 "--setting", setting, says=("--setting boot", f"'{setting}'"))

    def test_an_unknown_setting(self):
        self.refused(2, "invoke", "--snapshot", "s", *INPUT, "--record-accesses", "f",
                     says=("--record-accesses", "lazy", "'faasnap'"))
        self.refused(2, "invoke", "--snapshot", "s", *INPUT, "--setting", "lazy",
                     "--record-accesses", "f", "--repeat", "2", says="--repeat")
        self.refused(2, "invoke", "--snapshot", "s", *INPUT, "--setting", "lazy",
                     "--record-accesses", "/dev/null", says="/dev/null")
        self.refused(2, "invoke", "--snapshot", "s", *INPUT, "--setting", "magic",
                     says=("magic", "faasnap"))
        self.refused(2, "inspect", "s", "--plan", "magic", says="magic")
        self.refused(2, "inspect", "s", "--plan", "boot", says="restores nothing")

    def test_an_unknown_way_with_freed_memory(self):
        self.refused(2, "record", "hello", *INPUT, "--snapshot", "s", "--free-memory", "burn",
                     says=("burn", "report, zero or keep"))
        self.refused(2, "base", "make", "b", "--free-memory", "burn",
                     says=("--free-memory", "burn", "report, zero or keep"))

    def test_a_network_that_cannot_be_meant(self):
        tap = ("--network", "tap:none")
        addressed = (*tap, "--address", "10.0.0.2/24")
        for options, says in (
                (("--network", "bridge"), ("--network bridge", "tap:NAME, passt or none")),
                (("--network", "tap:"), "tap:NAME"),
                (("--network=",), "--network is empty"),
                (("--network", "passt", "--network", "none"), "2 times"),
                (("--address", "10.0.0.2/24"), "--address needs --network"),
                (("--network", "none", "--dns", "10.0.0.1"), "--dns needs --network"),
                (("--mac", "02:00:00:00:00:02"), "--mac needs --network"),
                ((*tap, "--gateway", "10.0.0.1"), "--gateway needs --address"),
                ((*tap, "--dns", "10.0.0.1"), "--dns needs --address"),
                ((*tap, "--mac", "02:00:00:00:00:02"), "--mac needs --address"),
                ((*tap, "--address", "10.0.0.2"), ("--address '10.0.0.2'", "192.0.2.2/24")),
                ((*tap, "--address", "10.0.0.2/33"), "--address '10.0.0.2/33'"),
                ((*tap, "--address", "host/24"), "--address 'host/24'"),
                ((*tap, "--address", "fd00::2/129"), "--address 'fd00::2/129'"),
                ((*addressed, "--gateway", "10.0.0"), "--gateway '10.0.0'"),
                ((*addressed, "--gateway", "10.0.0.1,10.0.0.3"), "one of IPv4 and one of IPv6"),
                ((*addressed, "--dns", "name"), "--dns 'name'"),
                ((*addressed, "--mac", "02:00:00:00:00"), "--mac 02:00:00:00:00: expected"),
                ((*addressed, "--mac", "03:00:00:00:00:02"), "the address of one interface"),
                ((*addressed, "--mac", "00:00:00:00:00:00"), "the address of one interface"),
                ((*addressed, "--forward", "80"), "--forward needs --network passt"),
                (("--network", "passt", "--forward", "web"), ("--forward web", "8080:80"))):
            for command in (("boot",), ("invoke", "none"),
                            ("record", "hello", "--snapshot", "none/none")):
                with self.subTest(command=command[0], options=options):
                    self.refused(2, *command, *options, says=says)

    def test_disks_that_cannot_be_meant(self):
        for options, says in (
                (("--scratch", "0M"), ("--scratch 0M", "multiple of 512")),
                (("--scratch", "1025G"), "at most 1024G"),
                (("--scratch", "much"), "--scratch much"),
                (("--disk", ":ro"), "FILE or FILE:ro"),
                (("--overlay", "0M"), ("--overlay 0M", "multiple of 512")),
                (("--scratch", "1M", *("--disk", "a") * 4), "5 disks, expected at most 4"),
                (("--overlay", "1M", *("--disk", "a") * 4), "5 disks, expected at most 4"),
                (("--disk-rate", "0M"), "--disk-rate 0"),
                (("--disk-requests", "0"), "--disk-requests")):
            for command in (("boot",), ("record", "hello", "--snapshot", "none/none")):
                with self.subTest(command=command[0], options=options):
                    self.refused(2, *command, *options, says=says)

    def test_a_tap_that_is_not_there(self):
        self.refused(1, "record", "hello", "--snapshot", "s", "--kernel", self.write("vmlinux"),
                     "--initramfs", self.write("initramfs"), "--root-image", self.write("rootfs"),
                     "--network", "tap:fs-none", says=("tap:fs-none", "ip tuntap add"))

    def test_a_label_without_a_key(self):
        for label in ("=v", "word"):
            self.refused(2, "record", "hello", *INPUT, "--snapshot", "s", "--label", label,
                         says="KEY=VALUE")


class Doctor(CliCase):
    def test_the_report_lists_every_check_and_the_status_follows_from_it(self):
        import json

        done = self.run_cli("doctor", "--json", "--redis", self.path("no-socket"))
        report = json.loads(done.stdout)
        checks = {check["name"]: check for check in report["checks"]}
        for name in ("kvm", "io_uring", "userfaultfd", "descriptors", "locked_memory", "mappings",
                     "file_system", "free_space", "leftovers", "read_ahead", "redis"):
            self.assertIn(name, checks)
        for check in checks.values():
            self.assertTrue(check["detail"])
            self.assertEqual(check["ok"], check["remedy"] == "", check)
        self.assertFalse(checks["redis"]["ok"])
        self.assertEqual(done.returncode, 0 if report["runs_vms_at_speed"] else 1)
        quiet = self.run_cli("doctor", "--quiet")
        self.assertEqual((quiet.returncode, quiet.stdout), (done.returncode, ""))

    def test_a_directory_that_is_not_there(self):
        self.refused(1, "doctor", "--directory", "none", says="none")

    def test_files_in_memory_are_no_place_for_snapshots(self):
        if os.path.isdir("/dev/shm"):
            done = self.run_cli("doctor", "--directory", "/dev/shm")
            self.assertRegex(done.stdout, r"bad +file_system +/dev/shm keeps its files in memory")


if __name__ == "__main__":
    unittest.main()
