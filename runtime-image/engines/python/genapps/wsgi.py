# SPDX-License-Identifier: Apache-2.0
"""Serves an application of WSGI (PEP 3333)."""

import io
import sys
from collections.abc import Callable, Iterable
from typing import Any

from genapps.asgi import server_of
from genapps.fields import Headers
from genapps.messages import Request, by_headers
from genapps.responses import Made, fields_json, status_of
from genapps.streaming import EVENTS_TYPE, Sender

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
LARGE = 64 * 1024
_OWN_NAMES = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}


class Server:
    """Runs one application."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, request: Request) -> Any:
        """The answer to one request. Raises what the application raises, and RuntimeError when it gives no answer.

        It leaves piece by piece when it is a stream of events, and when a generator goes on after LARGE bytes.
        """
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
        sender: Sender | None = None
        try:
            size = 0
            for piece in result:
                if sender is None and begun and (size >= LARGE or _is_events(begun[0][1])):
                    status, headers = begun[0]
                    sender = Sender(status_of(status), fields_json(tuple(map(tuple, headers))))
                    await sender.send(b"".join(pieces))
                if sender is not None:
                    await sender.send(piece)
                else:
                    size += len(piece)
                    pieces.append(piece)
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()
        if sender is not None:
            return await sender.end()
        if not begun:
            raise RuntimeError("the application did not call start_response")
        status, headers = begun[0]
        return Made(status, fields_json(tuple(map(tuple, headers))), b"".join(pieces))


def _is_events(headers: list[tuple[str, str]]) -> bool:
    return any(name.lower() == "content-type" and value.startswith(EVENTS_TYPE) for name, value in headers)


def _environ(request: Request, body: bytes) -> dict[str, Any]:
    return {
        "CONTENT_TYPE": "",
        **_fields(request),
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": request.path if request.path.isascii() else request.path.encode().decode("latin-1"),
        "QUERY_STRING": request.query_text.encode().decode("latin-1"),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }


@by_headers
def _fields(headers: Headers) -> dict[str, str]:
    """What the environment has of a request's headers."""
    host, port = server_of(headers.get("host", ""))
    found = {"SERVER_NAME": host or "app", "SERVER_PORT": str(port)}
    for name, value in headers.items():
        if "_" not in name:  # it would pass for the name with a hyphen
            found[_OWN_NAMES.get(name) or f"HTTP_{name.upper().replace('-', '_')}"] = value
    found.pop("CONTENT_LENGTH", None)  # the body's own counts
    return found
