# SPDX-License-Identifier: Apache-2.0
"""What the tests of images share: a small base, sources, and looks into what was made."""

import json
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import unittest

from cli_case import CliCase

TOOLS = ("mkfs.erofs", "fsck.erofs", "dump.erofs", "busybox")
NOBODY = 65534
EPOCH = 1600000000


@unittest.skipUnless(all(map(shutil.which, TOOLS)), f"needs {', '.join(TOOLS)}")
class ImageCase(CliCase):
    """Makes images in a scratch directory."""

    def setUp(self):
        super().setUp()
        self.env["XDG_DATA_HOME"] = self.path("data")
        self.env.pop("SOURCE_DATE_EPOCH", None)

    # ---- sources

    def tree(self, name, files):
        """A directory with the files: text, or None for a directory, or (target,) for a link."""
        for path, content in files.items():
            full = self.path(name, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            if content is None:
                os.makedirs(full, exist_ok=True)
            elif isinstance(content, tuple):
                os.symlink(content[0], full)
            else:
                mode = "wb" if isinstance(content, bytes) else "w"
                with open(full, mode) as file:
                    file.write(content)
        return self.path(name)

    def root_tree(self, name="root"):
        """A root file system with one program."""
        root = self.tree(name, {
            "etc/passwd": "root:x:0:0::/:/bin/sh\nworker:x:1000:1000::/:/bin/sh\n",
            "etc/group": "root:x:0:\nworker:x:1000:\n",
            "srv": None,
            "bin": ("usr/bin",),
            "usr/bin/sh": ("busybox",),
            "usr/bin/serve": "#!/bin/sh\necho ready\n"})
        shutil.copy(shutil.which("busybox"), os.path.join(root, "usr/bin/busybox"))
        os.chmod(os.path.join(root, "usr/bin/serve"), 0o755)
        return root

    def base_tree(self, name, config):
        self.root_tree(name)
        return self.tree(name, {"etc/faasnap/image.json": json.dumps(config)})

    def base(self, name="base", config=None):
        """A directory such as rootfs/build makes, with a root image by mkfs.erofs that has this
        configuration; by default one whose entry point takes handlers."""
        os.makedirs(self.path(name))
        for file in ("vmlinux", "initramfs"):
            self.write(os.path.join(name, file), f"the {file}")
        subprocess.run(
            ["mkfs.erofs", "-x-1", f"-T{EPOCH}", "--all-root", self.path(name, "rootfs.img"),
             self.base_tree(f"{name}-tree", config or {"Entrypoint": ["/usr/bin/serve"]})], stdout=subprocess.DEVNULL, check=True)
        return self.path(name) + "/"

    def tar(self, name, members, mode="w"):
        """A tar archive of (TarInfo, bytes or None)."""
        with tarfile.open(self.path(name), mode, format=tarfile.PAX_FORMAT) as archive:
            for info, data in members:
                if data is not None:
                    import io
                    info.size = len(data)
                    archive.addfile(info, io.BytesIO(data))
                else:
                    archive.addfile(info)
        return self.path(name)

    # ---- results

    def make(self, name, source, *options, **environment):
        done = self.run_cli("image", "make", name, "--from", source, "--json", *options,
                            **environment)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return json.loads(done.stdout)

    def image(self, name, *below):
        return self.path("data", "faasnap", "images", name, *below)

    def unpacked(self, name):
        """The image's files, as fsck.erofs unpacks them after it has checked them."""
        out = self.path(f"out-{name}")
        shutil.rmtree(out, ignore_errors=True)
        os.mkdir(out)
        done = subprocess.run(["fsck.erofs", f"--extract={out}", "--overwrite",
                               self.image(name, "rootfs.img")],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        return out

    def content(self, name, path):
        with open(os.path.join(self.unpacked(name), path), encoding="utf-8") as file:
            return file.read()

    def attributes(self, name, path):
        """What dump.erofs says of a file of the image."""
        done = subprocess.run(["dump.erofs", f"--path=/{path}", self.image(name, "rootfs.img")],
                              stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout

    def config(self, name):
        return json.loads(self.content(name, "etc/faasnap/image.json"))

    def assert_same_trees(self, one, other):
        def listing(top):
            found = {}
            for directory, names, files in os.walk(top):
                for each in names + files:
                    path = os.path.join(directory, each)
                    status = os.lstat(path)
                    kind = stat.S_IFMT(status.st_mode)
                    what = None
                    if kind == stat.S_IFLNK:
                        what = os.readlink(path)
                    elif kind == stat.S_IFREG:
                        with open(path, "rb") as file:
                            what = file.read()
                    found[os.path.relpath(path, top)] = (kind, what)
            return found

        left, right = listing(one), listing(other)
        self.assertEqual(sorted(left), sorted(right))
        for path, value in left.items():
            self.assertEqual(value, right[path], path)

    def refused_make(self, status, source, *options, says=(), **environment):
        """Checks that no image is made, that it is said in a line, and that nothing is left."""
        line = self.refused(status, "image", "make", "x", "--from", source, *options, says=says,
                            **environment)
        left = self.image("")
        self.assertEqual(os.listdir(left) if os.path.isdir(left) else [], [])
        return line


class AsNobody:
    """The same tests as an ordinary user, where they run as root."""

    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("is not root, so that the other class has tested it")
        super().setUp()
        os.chown(self.dir, NOBODY, NOBODY)
        reaches = subprocess.run(
            ["/bin/sh", "-c", 'test -x "$1" && test -w "$2"', "sh", self.program, self.dir],
            user=NOBODY, group=NOBODY, extra_groups=[], check=False)
        if reaches.returncode != 0:
            self.skipTest("an ordinary user reaches neither the command nor the scratch directory")

    def run_cli(self, *arguments, **environment):
        for directory, names, files in os.walk(self.dir):
            for each in [directory, *(os.path.join(directory, name) for name in names + files)]:
                mode = os.lstat(each).st_mode
                os.lchown(each, NOBODY, NOBODY)
                if not stat.S_ISLNK(mode):
                    os.chmod(each, mode)  # lchown has cleared the bits of setuid
        done = subprocess.run(
            [self.program, *arguments], cwd=self.dir, env={**self.env, **environment},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, timeout=60, check=False, user=NOBODY, group=NOBODY, extra_groups=[])
        return done


if __name__ == "__main__":
    sys.exit("a module of the tests")
