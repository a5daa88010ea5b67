# SPDX-License-Identifier: Apache-2.0
"""exec: runs the Python text `script`. What it defines stays for the next one."""

import fcntl
import mmap
import struct
import subprocess
import sys
import time

import redis

from faasnap_runtime.params import text

_names = {module.__name__: module for module in (fcntl, mmap, redis, struct, subprocess, sys, time)}


def handle(params, store):
    exec(text(params, "script"), _names)
    return {}
