# SPDX-License-Identifier: Apache-2.0
"""The agent's settings, read from the kernel command line."""

from faasnap_agent import AGENT_PORT, STORE_PORT

_VMADDR_CID_ANY = 0xFFFFFFFF
_VMADDR_CID_HOST = 2


class Config:
    """Words of the form faasnap.NAME=VALUE; an unknown NAME is an error, so that a misspelt word
    is noticed."""

    def __init__(self, command_line):
        words = {
            "listen": f"vsock:{_VMADDR_CID_ANY}:{AGENT_PORT}",
            "store": f"vsock:{_VMADDR_CID_HOST}:{STORE_PORT}",
            "function": "",
            "shell": "0",
            "test": "0",
        }
        for word in command_line.split():
            if not word.startswith("faasnap."):
                continue
            name, _, value = word.removeprefix("faasnap.").partition("=")
            if name not in words:
                raise ValueError(f"kernel command line: unknown word faasnap.{name}")
            words[name] = value
        self.listen = words["listen"]
        self.store = words["store"]
        self.function = words["function"]
        self.shell = words["shell"] == "1"
        self.test = words["test"] == "1"
