# SPDX-License-Identifier: Apache-2.0
"""The guest agent: serves function invocations over HTTP/1.1 on a vsock port.

docs/guide/guest-image.md specifies the routes, the ports and the kernel command line words.
"""

AGENT_PORT = 8080
STORE_PORT = 6379
"""vsock ports: the agent's own in the guest, and the object store's on the host (CID 2)."""
