# SPDX-License-Identifier: Apache-2.0
"""CORS, where the platform says it: which pages of other origins may read the app's answers in a browser.

Preflights are answered without the app, and what the app itself says of CORS is left out. An origin that is not
allowed is told nothing, so its browser keeps the answer from the page. It does not keep the request from the app.
"""

from genapps_runtime.config import CorsRules
from genapps_runtime.serve.messages import FileReply, Headers, Reply, Request, Whole
from genapps_runtime.serve.reply_bytes import with_headers
from genapps_runtime.serve.representations import field, varying

_APPS_OWN = b"access-control-"
_ORIGIN = [(b"vary", b"origin")]


class Cors:
    """The rules, with the headers that follow from them."""

    def __init__(self, rules: CorsRules) -> None:
        self._origins = frozenset(origin.encode("ascii") for origin in rules.allowed_origins)
        self._any = b"*" in self._origins
        credentials = [(b"access-control-allow-credentials", b"true")] if rules.allow_credentials else []
        self._answers = [*credentials, *_listed(b"access-control-expose-headers", rules.exposed_headers)]
        self._preflights = [*credentials, *_listed(b"access-control-allow-methods", rules.allowed_methods)]
        self._preflights += _listed(b"access-control-allow-headers", rules.allowed_headers)
        if rules.max_age_seconds is not None:
            self._preflights.append((b"access-control-max-age", b"%d" % rules.max_age_seconds))

    def preflight(self, request: Request) -> Reply | None:
        """What a browser gets that asks before it calls; None for any other request. `told` adds the rest."""
        return Reply(204, [], b"") if _is_preflight(request) else None

    def told(self, request: Request, answer: Whole) -> Whole:
        """The answer, with what the caller's browser is told."""
        if isinstance(answer, Reply):
            return Reply(answer.status, self.headers(request, answer.headers), answer.body)
        # A second Vary beside that of the encoding counts as one with it.
        ours = [*self._ours(request), *([] if self._any else _ORIGIN)]
        return FileReply(answer.status, with_headers(answer.head, ours), answer.body)

    def headers(self, request: Request, apps: Headers) -> Headers:
        """The app's headers, with what the caller's browser is told in place of what the app says of it."""
        kept = [header for header in apps if not header[0].startswith(_APPS_OWN)]
        return [*(kept if self._any else varying(kept, b"origin")), *self._ours(request)]

    def _ours(self, request: Request) -> Headers:
        origin = field(request, b"origin")
        if origin is None or not (self._any or origin in self._origins):
            return []
        allowed = (b"access-control-allow-origin", b"*" if self._any else origin)
        return [allowed, *(self._preflights if _is_preflight(request) else self._answers)]


def _is_preflight(request: Request) -> bool:
    if request.method != "OPTIONS":
        return False
    return field(request, b"origin") is not None and field(request, b"access-control-request-method") is not None


def _listed(name: bytes, values: tuple[str, ...]) -> Headers:
    return [(name, ", ".join(values).encode("ascii"))] if values else []
