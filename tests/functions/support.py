# SPDX-License-Identifier: Apache-2.0
"""What the tests of the guest's Python code share. Importing it puts the runtime
on the path."""

import os
import sys

ROOTFS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "rootfs")
FUNCTIONS = os.path.join(ROOTFS, "functions")
sys.path.insert(0, os.path.join(ROOTFS, "runtime", "python"))


class DictStore(dict):
    """An object store in memory, with the calls of redis-py that functions use."""

    def set(self, key, value):
        self[key] = bytes(value)
        return True
