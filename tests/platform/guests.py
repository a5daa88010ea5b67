# SPDX-License-Identifier: Apache-2.0
"""What the tests with real guests share: where images and scratch space are, and how a step is
told. The images are FAASNAP_IMAGES; state goes into a new directory on the disk for snapshots."""

import json
import os
import shutil
import sys
import tempfile

DATA = os.environ.get("FAASNAP_DATA", "/data")
IMAGES = os.environ["FAASNAP_IMAGES"]


def check(what, got, wanted):
    if got != wanted:
        raise AssertionError(f"{what}: got {got!r}, expected {wanted!r}")
    print(f"ok: {what}", flush=True)


def run(exercise, name):
    """Calls `exercise` with a scratch directory; skips where the images' agent is another one."""
    with open(os.path.join(IMAGES, "images.json"), encoding="utf-8") as file:
        if json.load(file).get("agent") == "python":
            print("SKIP: the images have no faasnap-init, which the platform's interfaces need")
            sys.exit(4)
    os.makedirs(DATA, exist_ok=True)
    directory = tempfile.mkdtemp(prefix=f"{name}.", dir=DATA)
    try:
        exercise(directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
