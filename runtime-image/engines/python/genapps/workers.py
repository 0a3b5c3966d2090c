# SPDX-License-Identifier: Apache-2.0
"""The module `workers` for apps in the form of Cloudflare's Python Workers: a class `Default` with `fetch`, or a
function `on_fetch`.
"""

import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from typing import Any, Never, TypeVar

from genapps import messages
from genapps.encoding import to_json
from genapps.forms import Form
from genapps.responses import JSON_TYPE
from genapps.responses import Response as Own

AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])


class Body:
    """`request.body`: a stream of bytes, piece by piece, and as a call the whole of it."""

    def __init__(self, request: messages.Request) -> None:
        self._request = request

    def __call__(self) -> Coroutine[Any, Any, bytes]:
        return messages.Request.body(self._request)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._request.stream()


class Request(messages.Request):
    """A request, with the names that Workers have for its body."""

    @property
    def body(self) -> Body:
        """The body as a stream."""
        return Body(self)

    async def buffer(self) -> Any:
        """The whole body, as bytes."""
        return await self.body()

    bytes = buffer

    async def form_data(self) -> Form:
        """The fields of a form. Raises BadRequest when it is malformed or has too many."""
        return await self.form()

    formData = form_data  # noqa: N815  the older name


class Response(Own):
    """A response, with the class's own ways to make one. `status_text` is not sent: the status says it."""

    def __init__(
        self, body: Any = None, status: int | str | None = None, status_text: str = "", headers: Any = None
    ) -> None:
        super().__init__("" if body is None else body, 200 if status is None else status, headers)

    @staticmethod
    def json(body: Any, status: int | str = 200, status_text: str = "", headers: Any = None) -> Own:
        """A value as JSON."""
        return Own(to_json(body), status, headers, JSON_TYPE)

    from_json = json

    @staticmethod
    def redirect(url: str, status: int | str = 302) -> Own:
        """Send the caller to another address."""
        return Own("", status, {"location": url})


class Environment:
    """`self.env`: there are no bindings."""

    def __getattr__(self, name: str) -> Never:
        advice = "keep data with `from genapps import state`, and call out with `from genapps import tools`"
        raise AttributeError(f"the app has no binding {name!r}; {advice}")


class WorkerEntrypoint:
    """The class that `Default` extends: `async def fetch(self, request)` answers every request."""

    def __init__(self, ctx: Any = None, env: Any = None) -> None:
        self.ctx = ctx
        self.env = env if env is not None else Environment()

    async def fetch(self, request: messages.Request) -> Any:
        """To be written by the app. Raises NotImplementedError."""
        raise NotImplementedError("class Default needs `async def fetch(self, request)`")


def handler(function: AnyFunction) -> AnyFunction:
    """Marks `on_fetch` in older Workers; it is found by its name."""
    return function


def server_in(namespace: Mapping[str, Any]) -> Callable[[messages.Request], Any] | None:
    """What answers every request of the Worker in an entry, None when there is no Worker."""
    worker, function = namespace.get("Default"), namespace.get("on_fetch")
    fetch: Callable[..., Any]
    more: list[Any] = []
    if isinstance(worker, type) and issubclass(worker, WorkerEntrypoint):
        fetch = worker().fetch
    elif inspect.isfunction(function):
        fetch, more = function, [Environment(), None][: max(len(inspect.signature(function).parameters) - 1, 0)]
    else:
        return None

    def serve(request: messages.Request) -> Any:
        request.__class__ = Request
        return fetch(request, *more)

    return serve


__all__ = ["Request", "Response", "WorkerEntrypoint", "handler"]
