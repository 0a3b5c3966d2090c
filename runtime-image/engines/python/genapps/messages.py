# SPDX-License-Identifier: Apache-2.0
"""A request as an app sees it."""

import re
from collections.abc import AsyncIterator, Callable
from functools import cached_property, lru_cache
from typing import Any, TypeVar
from urllib.parse import quote

from genapps.calls import Call
from genapps.encoding import from_json, query_pairs
from genapps.errors import BadRequest
from genapps.fields import Headers, Values, cookies_of, headers_of, values_of
from genapps.forms import Form, Upload, read_form
from genapps.long_bodies import LongBody, decoded, too_long

NESTING = 200
KNOWN_CHARACTERS = 2048
"""Headers of a request in JSON that are remembered: more would fill the guest's memory."""
Known = TypeVar("Known")
_new, _fill = Headers.__new__, dict.update
PATH_CHARACTERS = "/:@!$&'()*+,;=~"
"""What a path may hold as it is, beside letters and digits."""
_NO_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[^"\[\]{}]+')


class Request:
    """A caller's request. `id` is the caller's Idempotency-Key or a random text."""

    _chunks = 1
    _bytes: bytes | None = None
    _form: Form | None = None
    long_body: LongBody | None = None
    """Where the body is too long to be taken as a whole."""

    def __init__(
        self,
        request_id: str,
        method: str,
        path: str,
        query: str,
        headers: str,
        body: dict[str, Any] | None,
    ) -> None:
        """`query` is as it was sent, `headers` is JSON, or empty where `headers` is set: most apps ask for neither.
        `body` is the first piece."""
        self.id = request_id
        self.method = method
        self.path = path
        self.query_text = query
        self.headers_text = headers
        self._body = body

    @cached_property
    def headers(self) -> Headers:
        """The headers by name in any case; of a repeated name the values joined, or each by `getlist`."""
        return headers_in(self.headers_text)

    @property
    def url(self) -> str:
        """The whole address, by the host that the caller named."""
        query = f"?{self.query_text}" if self.query_text else ""
        return f"http://{self.headers.get('host', 'app')}{raw_path(self.path)}{query}"

    @cached_property
    def cookies(self) -> dict[str, str]:
        """The cookies by name."""
        return cookies_of(self.headers.get("cookie", ""))

    @property
    def query(self) -> Values:
        """The query's parameters by name, decoded: the last value of each name, or all of a name by `getlist`."""
        return values_of(query_pairs(self.query_text))

    args = query_params = query
    """The names that other frameworks have for it."""

    @property
    def query_list(self) -> list[tuple[str, str]]:
        """All parameters of the query as pairs of name and value, in order."""
        return query_pairs(self.query_text)

    async def body(self) -> bytes:
        """The whole body. Raises BodyTooLongError when it has more than 1 MiB."""
        if self._bytes is None:
            if self.long_body is not None:
                raise too_long()
            parts = [decoded(self._body)] if self._body else []
            for index in range(1, self._chunks):
                parts.append(decoded(await Call("body", {"chunk": index})))  # noqa: PERF401  one after the other
            self._bytes = b"".join(parts)
        return self._bytes

    async def stream(self) -> AsyncIterator[bytes]:
        """The body in pieces of at most 64 KiB, as they come. Raises RuntimeError for a long one that has been read."""
        if self.long_body is not None:
            self.long_body.begin()
            while (piece := await self.long_body.piece()) is not None:
                yield piece
        elif self._body:
            yield decoded(self._body)
            for index in range(1, self._chunks):
                yield decoded(await Call("body", {"chunk": index}))

    async def text(self) -> str:
        """The body as UTF-8 text; raises BadRequest when it is not."""
        if self._chunks == 1 and self._body and "text" in self._body:
            text: str = self._body["text"]
            return text
        try:
            return (await self.body()).decode()
        except UnicodeDecodeError:
            raise BadRequest("the body is not UTF-8 text") from None

    async def json(self) -> Any:
        """The body as JSON. Raises BadRequest when it is not JSON, or nested deeper than 200 levels."""
        text = await self.text()
        if text.count("[") + text.count("{") > NESTING and _depth(text) > NESTING:
            # The interpreter's stack would overflow, which ends the guest and with it the requests of others.
            raise BadRequest(f"the JSON body is nested deeper than {NESTING} levels")
        try:
            return from_json(text)
        except ValueError as error:
            raise BadRequest(f"the body is not JSON: {error}") from None

    async def form(self) -> Form:
        """The fields of a form, urlencoded or with files. Raises BadRequest when it is malformed or has too many."""
        if self._form is None:
            self._form = read_form(self.headers.get("content-type", ""), await self.body())
        return self._form

    @property
    def files(self) -> dict[str, Upload]:
        """The files of a form by name. Raises BadRequest, and RuntimeError for a long body that was not awaited."""
        if self._form is None:
            if self.long_body is not None:
                raise too_long()
            if self._bytes is None and self._chunks > 1:
                raise RuntimeError("the body is not here yet: write `form = await request.form()` before request.files")
            body = self._bytes if self._bytes is not None else decoded(self._body) if self._body else b""
            self._form = read_form(self.headers.get("content-type", ""), body)
        return self._form.files


@lru_cache(64)
def raw_path(path: str) -> str:
    """A path as an address has it."""
    return quote(path, safe=PATH_CHARACTERS)


def by_headers(read: Callable[[Headers], Known]) -> Callable[[Request], Known]:
    """What `read` makes of a request's headers, remembered by their JSON: callers send the same again and again.

    It is given to several requests, so nobody may change it.
    """
    known = lru_cache(64)(lambda text: read(headers_in(text)))

    def of(request: Request) -> Known:
        text = request.headers_text
        return known(text) if 0 < len(text) <= KNOWN_CHARACTERS else read(request.headers)

    return of


def headers_in(text: str) -> Headers:
    """The headers of a message from the host, from their JSON."""
    if '["' in text:
        return headers_of(from_json(text))
    found = _new(Headers)  # no header is repeated: nothing is left to do
    _fill(found, from_json(text))
    return found


def _depth(text: str) -> int:
    deepest = depth = 0
    for bracket in _NO_BRACKETS.sub("", text):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest
