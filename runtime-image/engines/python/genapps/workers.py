# SPDX-License-Identifier: Apache-2.0
"""The module `workers` for apps in the form of Cloudflare's Python Workers: a class `Default` with `fetch`."""

from typing import Any, Never

from genapps.encoding import to_json
from genapps.messages import Request
from genapps.responses import JSON_TYPE
from genapps.responses import Response as Own


class Response(Own):
    """A response, with the class's own ways to make one."""

    @staticmethod
    def json(body: Any, status: int | str = 200, headers: Any = None) -> Own:
        """A value as JSON."""
        return Own(to_json(body), status, headers, JSON_TYPE)

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

    async def fetch(self, request: Request) -> Any:
        """To be written by the app. Raises NotImplementedError."""
        raise NotImplementedError("class Default needs `async def fetch(self, request)`")


__all__ = ["Request", "Response", "WorkerEntrypoint"]
