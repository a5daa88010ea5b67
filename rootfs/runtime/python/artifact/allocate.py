# SPDX-License-Identifier: Apache-2.0
"""allocate: makes a list of the length `size`."""


def handle(params, store):
    return {"length": len([0] * int(params["size"]))}
