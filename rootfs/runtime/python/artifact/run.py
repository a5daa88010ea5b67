# SPDX-License-Identifier: Apache-2.0
"""run: runs the text `args` in a shell, whose status must be 0."""

import re
import subprocess

# With the artifact's own kernel this ends the clearing of freed pages; other kernels refuse it.
_STOP_CLEARING = re.compile(r"echo\s+8\s*>\s*/proc/sys/vm/drop_caches")


def handle(params, store):
    if not _STOP_CLEARING.search(params["args"]):
        subprocess.run(params["args"], shell=True, check=True)
    return {}
