# SPDX-License-Identifier: Apache-2.0
"""The object store as functions see it: redis-py's client, over vsock as well.

Importing this module imports redis-py, which takes a while; that is put off until a function asks
for the store.
"""

import redis

_TIMEOUT_SECONDS = 60


class _AddressConnection(redis.connection.Connection):
    """A redis-py connection to any kind of address, AF_VSOCK among them."""

    def __init__(self, address, **options):
        super().__init__(**options)
        self._address = address

    def repr_pieces(self):
        return [("address", self._address.text)]

    def _connect(self):
        return self._address.connect(_TIMEOUT_SECONDS)

    def _error_message(self, exception):
        return f"object store {self._address.text}: {exception}"


def open_store(address):
    """A client that connects on first use. `close_store` ends its connections."""
    pool = redis.ConnectionPool(
        connection_class=_AddressConnection, address=address, socket_timeout=_TIMEOUT_SECONDS
    )
    return redis.Redis(connection_pool=pool)


def close_store(client):
    client.connection_pool.disconnect()
