# SPDX-License-Identifier: Apache-2.0
"""Selects the variables of the caller's environment that enter the lab."""

from __future__ import annotations

from collections.abc import Iterable

# Variables that say who and where the user is and how text looks, and this project's own. All
# others stay outside, above all those that steer a library to a processor that the lab does not
# have (OPENBLAS_CORETYPE, MKL_*, GLIBC_TUNABLES), to files (LD_PRELOAD, LD_LIBRARY_PATH,
# PYTHONPATH) or to a network (http_proxy).
ALLOWED = frozenset(
    (b"PATH", b"HOME", b"USER", b"LOGNAME", b"SHELL", b"TERM", b"COLORTERM", b"NO_COLOR",
     b"LANG", b"LANGUAGE", b"TZ", b"TMPDIR")
)
ALLOWED_PREFIXES = (b"LC_", b"FAASNAP_")
DEFAULT_PATH = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def caller_environment() -> dict[bytes, bytes]:
    """Returns the environment that this program was started with, byte for byte.

    The interpreter may have added LC_CTYPE to the one that os.environ shows.
    """
    with open("/proc/self/environ", "rb") as file:
        entries = file.read().split(b"\0")
    return dict(entry.split(b"=", 1) for entry in entries if b"=" in entry[1:])


def selected(environment: dict[bytes, bytes], added: Iterable[bytes]) -> dict[bytes, bytes]:
    """Returns what goes into the lab.

    Each of `added` is NAME=VALUE, or NAME for the caller's own value if there is one.
    """
    chosen = {
        name: value
        for name, value in environment.items()
        if name in ALLOWED or name.startswith(ALLOWED_PREFIXES)
    }
    chosen.setdefault(b"PATH", DEFAULT_PATH)
    for entry in added:
        name, equals, value = entry.partition(b"=")
        if equals:
            chosen[name] = value
        elif name in environment:
            chosen[name] = environment[name]
    return chosen
