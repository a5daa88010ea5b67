# SPDX-License-Identifier: Apache-2.0
"""`faasnap image make` of container images: OCI layouts and archives, docker-save archives, tar."""

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import unittest

from image_case import EPOCH, AsNobody, ImageCase

CONFIG = {"Entrypoint": ["/usr/bin/serve"], "Cmd": ["-v"], "Env": ["PATH=/usr/bin", "A=B"],
          "WorkingDir": "/srv", "User": "worker", "ExposedPorts": {"80/tcp": {}}, "Labels": None}


def file(name, data=b"", mode=0o644, **more):
    return member(name, tarfile.REGTYPE, data, mode=mode, **more)


def member(name, kind, data=None, **more):
    info = tarfile.TarInfo(name)
    info.type, info.mtime = kind, EPOCH
    for key, value in more.items():
        setattr(info, key, value)
    return info, data


class Container(ImageCase):
    def setUp(self):
        super().setUp()
        self.on_base = ("--base", self.base())

    def layer(self, members):
        path = self.tar("layer.tar", members)
        with open(path, "rb") as layer:
            return layer.read()

    def root_layer(self):
        with open(shutil.which("busybox"), "rb") as busybox:
            program = busybox.read()
        return self.layer([
            member("usr/bin", tarfile.DIRTYPE, mode=0o755),
            file("usr/bin/busybox", program, 0o755),
            member("usr/bin/sh", tarfile.SYMTYPE, linkname="busybox"),
            member("bin", tarfile.SYMTYPE, linkname="usr/bin"),
            member("usr/bin/box", tarfile.LNKTYPE, linkname="usr/bin/busybox"),
            file("./usr/bin/serve", b"#!/bin/sh\n", 0o755),
            file("etc/passwd", b"worker:x:1000:1000::/:/bin/sh\n"),
            member("srv", tarfile.DIRTYPE, mode=0o700, uid=1000, gid=2000000),
            file("srv/below", b"lower")])

    def blob(self, layout, data):
        digest = hashlib.sha256(data).hexdigest()
        path = os.path.join(layout, "blobs", "sha256", digest)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as out:
            out.write(data)
        return {"digest": f"sha256:{digest}", "size": len(data)}

    def layout(self, layers, config=None, name="layout", platform=None, **more):
        """An OCI layout of the layers; returns its directory."""
        layout = self.path(name)
        os.makedirs(layout)
        full = {"architecture": "amd64", "os": "linux", "config": config or CONFIG, **more}
        manifest = {"schemaVersion": 2,
                    "config": self.blob(layout, json.dumps(full).encode()),
                    "layers": [self.blob(layout, layer) for layer in layers]}
        entry = self.blob(layout, json.dumps(manifest).encode())
        if platform:
            entry["platform"] = platform
        self.write(os.path.join(name, "oci-layout"), '{"imageLayoutVersion": "1.0.0"}')
        self.write(os.path.join(name, "index.json"),
                   json.dumps({"schemaVersion": 2, "manifests": [entry]}))
        return layout


class Layers(Container):
    def test_the_layers_and_the_configuration_become_the_image(self):
        layout = self.layout([self.root_layer(),
                              gzip.compress(self.layer([file("srv/above", b"upper")]))])
        manifest = self.make("c", layout, *self.on_base)
        self.assertEqual(manifest["source"]["kind"], "container image")
        with open(os.path.join(layout, "index.json"), encoding="utf-8") as index:
            self.assertEqual(manifest["source"]["digest"],
                             json.load(index)["manifests"][0]["digest"])
        config = self.config("c")
        for key in ("Entrypoint", "Cmd", "Env", "WorkingDir", "User"):
            self.assertEqual(config[key], CONFIG[key])
        self.assertEqual(config["Faasnap"]["Handler"], "")
        self.assertRegex(self.attributes("c", "srv"), r"Uid: 1000 +Gid: 2000000 +Access: 0700/")
        self.assertIn("2020-09-13", self.attributes("c", "srv/above"))
        self.assertIn("Links: 2", self.attributes("c", "usr/bin/box"))

    def test_whiteouts_hide_what_lower_layers_have(self):
        lower = self.layer([file("a/one"), file("a/two"), file("b/one"), file("b/c/one"),
                            file("d/one"), file("file"), member("link", tarfile.SYMTYPE,
                                                                linkname="a")])
        upper = self.layer([file("a/.wh.one"), file("a/.wh.none"), file("b/new"),
                            file("b/.wh..wh..opq"), file("b/c/new"), file(".wh.d"),
                            file("file/now/a/directory"), file("link/through", b"x")])
        upper_with_file_removed = self.layer([file(".wh.file")])
        self.make("c", self.layout([self.root_layer(), lower, upper_with_file_removed, upper]),
                  *self.on_base)
        out = self.unpacked("c")
        self.assertEqual(sorted(os.listdir(os.path.join(out, "a"))), ["through", "two"])
        self.assertEqual(sorted(os.listdir(os.path.join(out, "b"))), ["c", "new"])
        self.assertEqual(os.listdir(os.path.join(out, "b/c")), ["new"])
        self.assertFalse(os.path.exists(os.path.join(out, "d")))
        self.assertTrue(os.path.isfile(os.path.join(out, "file/now/a/directory")))
        self.assertEqual(os.readlink(os.path.join(out, "link")), "a")

    def test_a_device_in_dev_is_left_out(self):
        layer = self.layer([member("dev/null", tarfile.CHRTYPE, devmajor=1, devminor=3),
                            file("dev/.keep")])
        self.make("c", self.layout([self.root_layer(), layer]), *self.on_base)
        self.assertEqual(os.listdir(os.path.join(self.unpacked("c"), "dev")), [".keep"])

    def test_a_tar_archive_is_a_root_file_system(self):
        for suffix, pack in (("tar", bytes), ("tar.gz", gzip.compress)):
            with open(self.path(f"root.{suffix}"), "wb") as out:
                out.write(pack(self.root_layer()))
            manifest = self.make("t", self.path(f"root.{suffix}"), "--force", "--entrypoint",
                                 "serve", *self.on_base)
            self.assertEqual(manifest["source"]["kind"], "archive")
        self.assertRegex(self.attributes("t", "srv"), r"Uid: 1000 +Gid: 2000000 ")


@unittest.skipUnless(shutil.which("umoci") and shutil.which("skopeo"), "needs umoci and skopeo")
class Tools(Container):
    def run_tool(self, *command):
        done = subprocess.run(command, cwd=self.dir, env=self.env, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)

    def setUp(self):
        super().setUp()
        with open(self.path("root.tar"), "wb") as out:
            out.write(self.root_layer())
        self.tar("upper.tar", [file("srv/.wh.below"), file("srv/above", b"upper")])
        self.run_tool("umoci", "init", "--layout", "made")
        self.run_tool("umoci", "new", "--image", "made:v1")
        for layer in ("root.tar", "upper.tar"):
            self.run_tool("umoci", "raw", "add-layer", "--image", "made:v1", layer)
        self.run_tool("umoci", "config", "--image", "made:v1", "--architecture", "amd64", "--os",
                      "linux", "--config.entrypoint", "/usr/bin/serve", "--config.cmd", "-v",
                      "--config.env", "A=B", "--config.workingdir", "/srv", "--config.user",
                      "worker")

    def test_what_umoci_and_skopeo_make_is_read(self):
        sums = []
        for target, source in (("oci:copied:v1", "copied"), ("oci-archive:oci.tar:v1", "oci.tar"),
                               ("docker-archive:docker.tar:img:v1", "docker.tar"),
                               (None, "made")):
            if target:
                self.run_tool("skopeo", "copy", "--insecure-policy", "oci:made:v1", target)
            manifest = self.make(source.replace(".", "-"), self.path(source), *self.on_base,
                                 "--image-config", '{"Faasnap": {"Name": "c"}}')
            self.assertEqual(manifest["config"]["Entrypoint"], ["/usr/bin/serve"])
            self.assertEqual(manifest["config"]["Env"][-1], "A=B")
            self.assertEqual(manifest["config"]["WorkingDir"], "/srv")
            sums.append(manifest["files"]["rootfs.img"]["sha256"])
        self.assertEqual(len(set(sums)), 1, sums)
        self.assertEqual(os.listdir(os.path.join(self.unpacked("made"), "srv")), ["above"])

    def test_a_tag_chooses(self):
        self.run_tool("umoci", "tag", "--image", "made:v1", "v2")
        self.refused_make(1, "made", *self.on_base, says=("several", "--tag", "v1, v2"))
        self.refused_make(1, "made", "--tag", "v3", *self.on_base, says="v3")
        self.make("c", self.path("made"), "--tag", "v2", *self.on_base)


class Refused(Container):
    def refused_layer(self, members, says):
        shutil.rmtree(self.path("layout"), ignore_errors=True)
        layout = self.layout([self.root_layer(), self.layer(members)])
        self.refused_make(1, layout, *self.on_base, says=says)

    def test_layers_that_lead_out_or_hold_devices(self):
        os.makedirs(self.path("outside"))
        for members, says in (
                ([file("../escaped")], "leads out"),
                ([file("a/../../escaped")], "leads out"),
                ([member("hard", tarfile.LNKTYPE, linkname="../../etc/passwd")], "leads out"),
                ([member("hard", tarfile.LNKTYPE, linkname="/none")], "hard link"),
                ([member("hard", tarfile.LNKTYPE, linkname="srv")], "hard link"),
                ([member("srv/disk", tarfile.BLKTYPE, devmajor=8)], "srv/disk is a device"),
                ([file("srv/below/file")], "is not a directory"),
                ([member("a", tarfile.SYMTYPE, linkname="b"),
                  member("b", tarfile.SYMTYPE, linkname="a"), file("a/file")], "too many levels"),
                ([file("n" * 256)], "no file can have"),
                ([file("a/" * 300 + "b")], "too deep"),
                ([file("owned", uid=1 << 40)], "owner")):
            with self.subTest(says):
                self.refused_layer(members, says)
        layer = [member("out", tarfile.SYMTYPE, linkname=self.path("outside")),
                 file("out/escaped", b"x")]
        shutil.rmtree(self.path("layout"), ignore_errors=True)
        self.make("c", self.layout([self.root_layer(), self.layer(layer)]), *self.on_base)
        self.assertEqual(os.listdir(self.path("outside")), [])

    def test_layers_that_unpack_without_bounds(self):
        bomb = gzip.compress(self.layer([file("zeros", bytes(100 << 20))]))
        layout = self.layout([self.root_layer(), bomb])
        self.refused_make(1, layout, *self.on_base, "--max-size", "32M", says="--max-size")
        layers = [self.layer([file("zeros", bytes(20 << 20))])] * 3
        layout = self.layout(layers, name="again")
        self.refused_make(1, layout, *self.on_base, "--max-size", "48M", says="--max-size")

    def test_other_machines(self):
        for name, more in (("arm", {"architecture": "arm64"}), ("win", {"os": "windows"}),
                           ("none", {"architecture": None})):
            layout = self.layout([self.root_layer()], name=name, **more)
            self.refused_make(1, layout, *self.on_base, says="expected linux/amd64")
        layout = self.layout([self.root_layer()], name="platform",
                             platform={"architecture": "arm64", "os": "linux"})
        self.refused_make(1, layout, *self.on_base, says=("no image for linux/amd64", "arm64"))

    def test_no_entry_point_and_a_program_that_is_not_there(self):
        layout = self.layout([self.root_layer()], config={"Env": []}, name="none")
        self.refused_make(1, layout, *self.on_base, says="no entry point")
        layout = self.layout([self.root_layer()], config={"Cmd": ["/app"]}, name="app")
        self.refused_make(1, layout, *self.on_base, says="/app is not in the image")

    def test_parts_that_are_damaged_or_missing(self):
        layout = self.layout([self.root_layer()])
        blobs = os.path.join(layout, "blobs", "sha256")
        for blob in os.listdir(blobs):
            with self.subTest(blob):
                path = os.path.join(blobs, blob)
                with open(path, "rb") as good:
                    data = good.read()
                with open(path, "wb") as bad:
                    bad.write(data[:-1] + b"?")
                self.refused_make(1, layout, *self.on_base, says=(blob, "this sum"))
                os.remove(path)
                self.refused_make(1, layout, *self.on_base, says=("lacks the file", blob))
                with open(path, "wb") as good:
                    good.write(data)
        for text in ("{", "[]", "{}", '{"manifests": []}', '{"manifests": [1]}',
                     '{"manifests": [{"digest": "sha256:../../index.json"}]}',
                     '{"manifests": [{"digest": "md5:0"}]}', '{"manifests": {"a": 1}}'):
            with self.subTest(text):
                self.write("layout/index.json", text)
                self.refused_make(1, layout, *self.on_base)

    def test_what_docker_saved_that_is_damaged(self):
        for number, text in enumerate(("{", "[]", "[{}]", '[{"Config": "none", "Layers": []}]',
                                       '[{"Config": "c", "Layers": 1}]',
                                       '[{"Config": "c", "Layers": ["none"]}]',
                                       '[{"Config": "c", "Layers": []}, {}]')):
            config = json.dumps({"architecture": "amd64", "os": "linux"}).encode()
            archive = self.tar(f"saved-{number}.tar",
                               [file("manifest.json", text.encode()), file("c", config)])
            with self.subTest(text):
                self.refused_make(1, archive, *self.on_base, says=f"saved-{number}.tar: ")


class LayersAsNobody(AsNobody, Layers):
    pass


if __name__ == "__main__":
    unittest.main()
