# SPDX-License-Identifier: Apache-2.0
"""Checks for the parameters of an invocation. A failed check is a ValueError that names the
parameter; the invocation ends with status 422."""

_MISSING = object()


def integer(params, name, default=_MISSING, least=1, most=2**31 - 1):
    value = _get(params, name, default)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"parameter {name!r}: expected an integer, got {value!r:.80}")
    if not least <= value <= most:
        raise ValueError(f"parameter {name!r}: {value} is not between {least} and {most}")
    return value


def text(params, name, default=_MISSING):
    value = _get(params, name, default)
    if not isinstance(value, str) or not value:
        raise ValueError(f"parameter {name!r}: expected a non-empty string, got {value!r:.80}")
    return value


def stored_object(params, name, store):
    """The key that parameter `name` holds, and that object's bytes from the store."""
    key = text(params, name)
    data = store.get(key)
    if data is None:
        raise ValueError(f"parameter {name!r}: the store has no object {key!r:.80}")
    return key, data


def _get(params, name, default):
    value = params.get(name, default)
    if value is _MISSING:
        raise ValueError(f"parameter {name!r} is missing")
    return value
