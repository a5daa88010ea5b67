# SPDX-License-Identifier: Apache-2.0
"""image: turns a stored JPEG by 90, 180 and 270 degrees and stores the three results."""

import hashlib
import io

from PIL import Image

from faasnap_runtime.params import stored_object

USES_STORE = True

_TURNS = {
    90: Image.Transpose.ROTATE_90,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_270,
}


def handle(params, store):
    key, data = stored_object(params, "input", store)
    try:
        image = Image.open(io.BytesIO(data), formats=["JPEG"])
        image.load()
    except OSError as error:
        raise ValueError(f"parameter 'input': {key!r:.80} is not a JPEG: {error}") from error
    outputs = []
    for degrees, turn in _TURNS.items():
        buffer = io.BytesIO()
        image.transpose(turn).save(buffer, format="JPEG", quality=85)
        turned = buffer.getvalue()
        output = f"{key}.rotated-{degrees}"
        store.set(output, turned)
        digest = hashlib.sha256(turned).hexdigest()
        outputs.append({"key": output, "bytes": len(turned), "sha256": digest})
    return {"width": image.width, "height": image.height, "outputs": outputs}
