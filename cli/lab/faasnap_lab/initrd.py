# SPDX-License-Identifier: Apache-2.0
"""The lab's initrd: the kernel's modules and busybox, made once, and the first programs, added now.

So the agent inside is always that of the supervisor outside.
"""

from __future__ import annotations

import importlib.util
import marshal
import os

PROGRAMS = os.path.dirname(os.path.realpath(__file__))
AGENT_MODULES = ("__init__", "protocol", "agent")


def _entry(number: int, name: str, mode: int, content: bytes) -> bytes:
    """Returns a file in the "newc" format; Documentation/driver-api/early-userspace/
    buffer-format.rst of the kernel describes it."""
    path = name.encode() + b"\0"
    fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(path), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + path
    return head + bytes(-len(head) % 4) + content + bytes(-len(content) % 4)


def _compiled(path: str) -> bytes:
    """Returns a module as the interpreter keeps it: compiling on the emulated CPU takes long."""
    with open(path, "rb") as file:
        source = file.read()
    code = compile(source, path, "exec", dont_inherit=True, optimize=2)
    # The header's time and size are zero: without the source there is nothing to compare.
    return importlib.util.MAGIC_NUMBER + bytes(12) + marshal.dumps(code)


def archive() -> bytes:
    """Returns the part of the initrd that holds the init program and the agent."""
    with open(os.path.join(PROGRAMS, "../lab-init"), "rb") as file:
        files = [("init", 0o100755, file.read()), ("faasnap_lab", 0o040755, b"")]
    for name in AGENT_MODULES:
        content = _compiled(os.path.join(PROGRAMS, name + ".py"))
        files.append((f"faasnap_lab/{name}.pyc", 0o100644, content))
    entries = [_entry(i + 1, *file) for i, file in enumerate(files)]
    return b"".join(entries) + _entry(0, "TRAILER!!!", 0, b"")


def make(path: str) -> int:
    """Returns a descriptor of the whole initrd, a file in memory."""
    fd = os.memfd_create("initrd")
    with open(path, "rb") as first, open(fd, "wb", closefd=False) as whole:
        content = first.read()
        whole.write(content + bytes(-len(content) % 4) + archive())
    return fd
