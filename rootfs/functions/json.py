# SPDX-License-Identifier: Apache-2.0
"""json: parses a stored document and writes it again, indented."""

import hashlib
import json

from faasnap_runtime.params import stored_object

USES_STORE = True


def handle(params, store):
    key, data = stored_object(params, "input", store)
    document = json.dumps(json.loads(data), indent=4).encode()
    store.set(f"{key}.indented", document)
    return {"bytes": len(document), "sha256": hashlib.sha256(document).hexdigest()}
