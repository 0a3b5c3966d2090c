# SPDX-License-Identifier: Apache-2.0
"""`socket` where there is no network: what would connect or listen says what to use in its place."""

import errno
import select
import socket
from collections.abc import Callable
from typing import Any, Never

NO_NETWORK = (
    "apps reach the network through connectors only: use `await tools.call(connector, tool, ...)`, or "
    "`tools.call_sync(...)` in synchronous code"
)


def no_socket(*_: Any, **__: Any) -> Never:
    """For everything that needs a socket."""
    raise PermissionError(errno.EACCES, NO_NETWORK)


def no_address(*_: Any, **__: Any) -> Never:
    """For everything that looks a name up."""
    raise socket.gaierror(socket.EAI_FAIL, NO_NETWORK)


def install(replace: Callable[[Any, Any], None]) -> None:
    """Put these in place of Python's; `replace` does so wherever a module holds the old one."""
    for name in ("getaddrinfo", "gethostbyaddr", "gethostbyname", "gethostbyname_ex", "getnameinfo"):
        replace(getattr(socket, name), no_address)
    for name in ("close", "dup"):
        replace(getattr(socket, name), no_socket)
    for function in (select.select, select.poll, socket.create_connection, socket.create_server):
        replace(function, no_socket)
    replace(socket.gethostname, lambda: "app")
    replace(socket.getfqdn, lambda _name="": "app")
    socket.socket.__init__ = no_socket  # type: ignore[method-assign]
