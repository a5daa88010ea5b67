# SPDX-License-Identifier: Apache-2.0
"""Runs one function outside any VM and prints its result as JSON, the same that the agent's reply
holds. Needs the guest image's packages:
  rootfs/python TREE rootfs/runtime/python/run_function.py ..."""

import argparse
import json
import os
import sys

from faasnap_runtime.addresses import Address
from faasnap_runtime.registry import Registry, UnknownFunction
from faasnap_runtime.runner import Runner

_FUNCTIONS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "functions")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--function", required=True, metavar="NAME")
    parser.add_argument("--input", default="{}", metavar="JSON", help="parameters (default: {})")
    parser.add_argument(
        "--store",
        metavar="ADDRESS",
        help="object store: unix:PATH, tcp:HOST:PORT or vsock:CID:PORT",
    )
    arguments = parser.parse_args()
    try:
        params = json.loads(arguments.input)
        if not isinstance(params, dict):
            raise ValueError("--input is not a JSON object")
        store = Address(arguments.store) if arguments.store else None
        result, _ = Runner(Registry(_FUNCTIONS), store).invoke(arguments.function, params)
    except (ValueError, UnknownFunction) as error:
        print(f"run_function: {error}", file=sys.stderr)
        return 2
    print(json.dumps(result, allow_nan=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
