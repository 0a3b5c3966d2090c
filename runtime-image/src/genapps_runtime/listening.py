# SPDX-License-Identifier: Apache-2.0
"""The sockets that the runtime listens on: for callers by IPv4 and IPv6 alike, whichever of them the cluster speaks,
and one for processes of the same pod.
"""

import socket

BACKLOG = 1024
LOCAL_BACKLOG = 8


class Ports:
    """Listening sockets: `app` for callers, `state` for `genapps-runtime state`, which somebody runs in the pod."""

    __slots__ = ("app", "state")

    def __init__(self, app: socket.socket, state: socket.socket) -> None:
        self.app = app
        self.state = state

    def close(self) -> None:
        """Close both, here."""
        self.app.close()
        self.state.close()


def inherited_socket(number: int) -> socket.socket:
    """The listening socket that whoever started this process has left open for it. Raises OSError when it is none."""
    found = socket.socket(fileno=number)
    if not found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        found.close()
        raise OSError(f"{number} is no listening socket")
    return found


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


def local_socket(name: str) -> socket.socket:
    """A listening socket that only processes of this pod can reach: it is no file, and belongs to the pod's network.

    Raises OSError when the name is taken.
    """
    made = socket.socket(socket.AF_UNIX)
    try:
        made.bind(local_address(name))
        made.listen(LOCAL_BACKLOG)
    except OSError:
        made.close()
        raise
    return made


def local_address(name: str) -> str:
    """The address of the socket of that name."""
    return f"\0{name}"
