# SPDX-License-Identifier: Apache-2.0
"""Requests, answers, and the exception that is one, with FastAPI's names."""

import mimetypes
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from genapps import messages
from genapps.encoding import to_json
from genapps.responses import HTML_TYPE, JSON_TYPE, TEXT_TYPE
from genapps.responses import Response as Own


class HTTPException(Exception):  # noqa: N818  FastAPI's name
    """The caller gets this status, with `{"detail": detail}`."""

    def __init__(self, status_code: int, detail: Any = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status_code, detail)
        self.status_code = status_code
        self.detail = HTTPStatus(status_code).phrase if detail is None else detail
        self.headers = headers


class Request(messages.Request):
    """A request; `path_params` has the names of its path."""

    path_params: dict[str, str]


class Response(Own):
    """An answer: text or bytes."""

    media_type = TEXT_TYPE

    def __init__(
        self, content: Any = "", status_code: int = 200, headers: Any = None, media_type: str | None = None
    ) -> None:
        super().__init__(content, status_code, headers, media_type or self.media_type)

    @property
    def status_code(self) -> int:
        """The status; it can be changed."""
        return self.status  # type: ignore[no-any-return]

    @status_code.setter
    def status_code(self, status: int) -> None:
        self.status = status


class JSONResponse(Response):
    """A value as JSON."""

    media_type = JSON_TYPE

    def __init__(self, content: Any, status_code: int = 200, headers: Any = None) -> None:
        super().__init__(to_json(content), status_code, headers)


class HTMLResponse(Response):
    """A page."""

    media_type = HTML_TYPE


class PlainTextResponse(Response):
    """A text."""


class StreamingResponse(Response):
    """An answer that leaves piece by piece: texts or bytes of an iterator, or of an asynchronous one."""

    def __init__(
        self, content: Any, status_code: int = 200, headers: Any = None, media_type: str | None = None
    ) -> None:
        super().__init__("", status_code, headers, media_type)
        self.pieces = content


class RedirectResponse(Response):
    """Sends the caller to another address."""

    def __init__(self, url: str, status_code: int = 307, headers: Any = None) -> None:
        super().__init__("", status_code, {**dict(headers or {}), "location": url})


class FileResponse(Response):
    """A file of the app, or of /tmp; a download with a `filename`. Raises OSError."""

    def __init__(self, path: Any, media_type: str | None = None, filename: str | None = None) -> None:
        kind = media_type or mimetypes.guess_type(filename or str(path))[0]
        super().__init__(Path(path).read_bytes(), media_type=kind)
        if filename is not None:
            self.headers["content-disposition"] = f'attachment; filename="{filename}"'
