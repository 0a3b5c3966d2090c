# SPDX-License-Identifier: Apache-2.0
"""The sockets that the runtime listens on: IPv4 and IPv6 alike, whichever of them the cluster speaks."""

import socket

BACKLOG = 1024


def listening_socket(address: str, port: int) -> socket.socket:
    """A listening socket; `address` empty: every address of both families, or of IPv4 where there is no IPv6.

    Raises OSError when the address or the port cannot be had.
    """
    if address:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return socket.create_server((address, port), family=family, backlog=BACKLOG)
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, backlog=BACKLOG, dualstack_ipv6=True)
    return socket.create_server(("", port), backlog=BACKLOG)
