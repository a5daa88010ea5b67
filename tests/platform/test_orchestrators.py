# SPDX-License-Identifier: Apache-2.0
"""The files for container images, Kubernetes and Nomad: their form, as far as that can be told
without these programs, and that they agree with the platform."""

import os
import re
import shutil
import subprocess
import tomllib
import unittest

from platform_case import FAASNAP, PLATFORM

try:
    import yaml
except ImportError:
    yaml = None

EXAMPLE = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../examples/platform")
# Every Debian image has these.
ALWAYS = {"libc6", "libgcc-s1", "libstdc++6", "zlib1g"}


def read(*names):
    with open(os.path.join(EXAMPLE, *names), encoding="utf-8") as file:
        return file.read()


class OrchestratorsTest(unittest.TestCase):
    def assert_settings(self, text):
        """The settings are some that the platform has, by the example that has every one."""
        known = tomllib.loads(read("platform.toml"))
        settings = tomllib.loads(text)
        self.assertTrue(settings["hosts"]["redis"])
        for key, value in settings.items():
            self.assertIn(key, known)
            self.assertIs(type(value), type(known[key]), key)
            if isinstance(value, dict):
                self.assertLessEqual(set(value), set(known[key]), key)

    @unittest.skipUnless(yaml, "Python's yaml is missing; ./dev test gets it")
    def test_the_manifest_for_kubernetes_holds_together(self):
        objects = {each["kind"]: each for each in yaml.safe_load_all(read("orchestrators",
                                                                          "kubernetes.yaml"))}
        self.assertEqual({kind: each["apiVersion"] for kind, each in objects.items()},
                         {"ConfigMap": "v1", "DaemonSet": "apps/v1", "Service": "v1"})
        (settings,) = objects["ConfigMap"]["data"].values()
        self.assert_settings(settings)
        daemons = objects["DaemonSet"]["spec"]
        labels = daemons["template"]["metadata"]["labels"]
        self.assertEqual(daemons["selector"]["matchLabels"], labels)
        self.assertEqual(objects["Service"]["spec"]["selector"], labels)
        pod = daemons["template"]["spec"]
        volumes = [each["name"] for each in pod["volumes"]]
        self.assertEqual(len(set(volumes)), len(volumes))
        used = set()
        for container in pod["containers"] + pod["initContainers"]:
            mounts = container["volumeMounts"]
            self.assertLessEqual({each["name"] for each in mounts}, set(volumes))
            paths = [each["mountPath"] for each in mounts]
            self.assertEqual(len(set(paths)), len(paths))
            used |= {each["name"] for each in mounts}
        self.assertEqual(used, set(volumes))
        (platform,) = pod["containers"]
        ports = {each["name"]: each["containerPort"] for each in platform["ports"]}
        for probe in ("readinessProbe", "livenessProbe"):
            self.assertIn(platform[probe]["httpGet"]["port"], ports)
        self.assertIn(objects["Service"]["spec"]["ports"][0]["targetPort"], ports)
        # What the settings and the arguments name is mounted.
        paths = [each["mountPath"] for each in platform["volumeMounts"]]
        named = [value for value in re.findall(r'"(/[^"]+)"', settings)] + [platform["args"][1]]
        for path in named:
            self.assertTrue(any(path == mount or path.startswith(mount + "/") for mount in paths),
                            path)
        self.assertEqual(os.path.basename(platform["args"][1]),
                         next(iter(objects["ConfigMap"]["data"])))

    def test_the_job_for_nomad_holds_together(self):
        text = read("orchestrators", "platform.nomad.hcl")
        (settings,) = re.findall(r"<<-END\n(.*?)\n\s*END\n", text, re.DOTALL)
        self.assert_settings(settings)
        rest = re.sub(r"#.*", "", text.replace(settings, ""))
        self.assertEqual(rest.count("{"), rest.count("}"))
        self.assertEqual(rest.count('"') % 2, 0)
        mounted = [volume.split(":")[1] for volume in re.findall(r'"(/\S+:/\S+)"', rest)]
        for path in re.findall(r'"(/[^"]+)"', settings):
            self.assertTrue(any(path == mount or path.startswith(mount + "/") for mount in mounted),
                            path)

    @unittest.skipUnless(FAASNAP and shutil.which("dpkg-query") and shutil.which("readelf"),
                         "needs the command, Debian's dpkg-query, and readelf")
    def test_the_container_image_has_the_libraries_that_the_programs_need(self):
        stage = read("orchestrators", "Containerfile").rpartition("FROM ")[2]
        installed = set(stage.partition("--no-install-recommends")[2].partition("&&")[0].split())
        worker = os.path.join(os.path.dirname(PLATFORM), "faasnap-worker")
        for program in (PLATFORM, FAASNAP, worker):
            headers = subprocess.run(["readelf", "-d", program], capture_output=True, text=True,
                                     check=True).stdout
            for library in re.findall(r"\(NEEDED\).*\[(\S+)\]", headers):
                owners = subprocess.run(["dpkg-query", "-S", f"*/{library}"], capture_output=True,
                                        text=True, check=False).stdout
                packages = {line.partition(":")[0] for line in owners.splitlines()}
                self.assertTrue(packages & (installed | ALWAYS),
                                f"{program}: {library} of {packages}")
