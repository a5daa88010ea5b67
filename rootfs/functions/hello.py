# SPDX-License-Identifier: Apache-2.0
"""hello: does nothing but answer."""

from faasnap_runtime.params import text


def handle(params, store):
    return {"message": f"Hello, {text(params, 'name', 'world')}!"}
