# SPDX-License-Identifier: Apache-2.0
"""compression: puts a stored document into a zip archive and stores that."""

import io
import zipfile
import zlib

from faasnap_runtime.params import stored_object

USES_STORE = True


def handle(params, store):
    key, data = stored_object(params, "input", store)
    buffer = io.BytesIO()
    # An entry named by ZipInfo has a fixed date, so that equal documents give equal archives.
    entry = zipfile.ZipInfo(key)
    entry.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(entry, data)
    archive = buffer.getvalue()
    store.set(f"{key}.zip", archive)
    return {"bytes": len(data), "zip_bytes": len(archive), "zip_crc32": zlib.crc32(archive)}
