# SPDX-License-Identifier: Apache-2.0
"""Serves an application of WSGI (PEP 3333)."""

import io
import sys
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from genapps.asgi import MOST_BYTES, server_of
from genapps.messages import Request
from genapps.responses import Made, Response

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Server:
    """Runs one application."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, request: Request) -> Response:
        """The answer to one request. Raises what the application raises, and RuntimeError when it gives no answer."""
        begun: list[tuple[str, list[tuple[str, str]]]] = []
        pieces: list[bytes] = []

        def start_response(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None
        ) -> Callable[[bytes], None]:
            if begun and exc_info is None:
                raise RuntimeError("the application called start_response twice")
            begun[:] = [(status, headers)]
            return pieces.append

        result = self._application(_environ(request, await request.body()), start_response)
        try:
            size = 0
            for piece in result:
                size += len(piece)
                if size > MOST_BYTES:
                    raise RuntimeError(f"a response may have at most {MOST_BYTES} bytes")
                pieces.append(piece)
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()
        if not begun:
            raise RuntimeError("the application did not call start_response")
        status, headers = begun[0]
        return Made(status, headers, b"".join(pieces))


def _environ(request: Request, body: bytes) -> dict[str, Any]:
    host, port = server_of(request.headers.get("host", ""))
    environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": request.path.encode().decode("latin-1"),
        "QUERY_STRING": request.query_text.encode().decode("latin-1"),
        "SERVER_NAME": host or "app",
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        if key := _key(name):
            environ[key] = value
    environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE", "")
    environ.pop("HTTP_CONTENT_LENGTH", None)
    environ["CONTENT_LENGTH"] = str(len(body))
    return environ


@lru_cache(256)
def _key(name: str) -> str:
    """A header's name in the environment; none with an underscore, which would pass for the name with a hyphen."""
    return "" if "_" in name else f"HTTP_{name.upper().replace('-', '_')}"
