# SPDX-License-Identifier: Apache-2.0
"""recognition: says what a stored JPEG shows, by the network ResNet-50.

The network's weights are an object of the store, in the safetensors format. The first invocation
fetches them and keeps the network; the next ones only run it."""

import io
import json

import numpy
import torch
import torchvision
from PIL import Image
from torchvision.transforms import functional

from faasnap_runtime.params import integer, stored_object, text

USES_STORE = True

_TOP = 5
_CATEGORIES = torchvision.models.ResNet50_Weights.IMAGENET1K_V2.meta["categories"]
# What the network's publishers subtract from, and divide by, in red, green and blue.
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

_kept = {}


def handle(params, store):
    size = integer(params, "size", 224, least=32, most=1024)
    key, data = stored_object(params, "input", store)
    picture = _prepare(key, data, size)
    network = _network(params, store)
    with torch.inference_mode():
        shares = torch.softmax(network(picture)[0].double(), dim=0).tolist()
    # Rounded far above what processors' orders of summation differ by: equal on any of them.
    shares = [round(share, 3) for share in shares]
    top = sorted(range(len(shares)), key=lambda index: (-shares[index], index))[:_TOP]
    return {
        "top": [
            {"index": index, "name": _CATEGORIES[index], "score": shares[index]} for index in top
        ]
    }


def _prepare(key, data, size):
    """The middle of the picture as the network's input: one picture, three colours, size x size."""
    try:
        picture = Image.open(io.BytesIO(data), formats=["JPEG"]).convert("RGB")
    except OSError as error:
        raise ValueError(f"parameter 'input': {key!r:.80} is not a JPEG: {error}") from error
    picture = functional.center_crop(functional.resize(picture, size), [size, size])
    return functional.normalize(functional.to_tensor(picture), _MEAN, _DEVIATION).unsqueeze(0)


def _network(params, store):
    key = text(params, "weights")
    if key not in _kept:
        _, data = stored_object(params, "weights", store)
        network = _empty_network()
        try:
            network.load_state_dict(_tensors(data))
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
            reason = str(error).partition("\n")[0]
            raise ValueError(
                f"parameter 'weights': {key!r:.80} does not fit the network: {reason:.200}"
            ) from error
        _kept.clear()
        _kept[key] = network.eval()
    return _kept[key]


def _empty_network():
    """The network without weights of its own: drawing random ones takes longer than fetching the
    real ones, which replace them all."""
    init = torch.nn.init
    drawing = init.kaiming_normal_, init.kaiming_uniform_
    init.kaiming_normal_ = init.kaiming_uniform_ = lambda tensor, *_, **__: tensor
    try:
        return torchvision.models.resnet50(weights=None)
    finally:
        init.kaiming_normal_, init.kaiming_uniform_ = drawing


def _tensors(data):
    """The tensors of a safetensors file: the length of a JSON header, the header, the numbers."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    tensors = {}
    for name, entry in header.items():
        first, end = entry["data_offsets"]
        if entry["dtype"] != "F32" or end > len(data) - 8 - length:
            raise ValueError(f"{name} is not of 32-bit numbers, or cut short")
        numbers = numpy.frombuffer(data, "<f4", (end - first) // 4, 8 + length + first)
        tensors[name] = torch.from_numpy(numbers.reshape(entry["shape"]).copy())
    return tensors
