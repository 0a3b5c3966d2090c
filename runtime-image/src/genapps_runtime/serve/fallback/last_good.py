# SPDX-License-Identifier: Apache-2.0
"""The last good answer to each GET, in this process and so of this revision; what may be one person's is not kept."""

from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass

from genapps_runtime.serve.messages import Headers, Reply, Request

ENTRIES = 200
ENTRY_BYTES = 64 * 1024
BYTES = 1024 * 1024
"""Of all entries together; the ones that were kept first go first."""
_OK = 200
_ENTRY_OVERHEAD = 512
_CREDENTIALS = frozenset({b"authorization", b"cookie", b"proxy-authorization"})
"""Who sends one may get an answer for them alone, and gets nobody else's."""
_NOT_KEPT = frozenset({b"no-store", b"private"})

_Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class _Kept:
    reply: Reply
    at: float
    size: int


class LastGood:
    """Bounded by number and bytes. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        self._bytes = 0

    def keep(self, tenant: str, request: Request, reply: Reply) -> None:
        """Keep the reply in place of the one before it, or only forget that one when this one is not to be kept."""
        if request.method != "GET" or not _is_public(request):
            return
        key = tenant, request.path, request.query
        before = self._kept.pop(key, None)
        if before is not None:
            self._bytes -= before.size
        if reply.status != _OK or not _may_be_kept(reply.headers):
            return
        size = _ENTRY_OVERHEAD + len(reply.body) + sum(len(name) + len(value) for name, value in reply.headers)
        size += len(request.path) + len(request.query)
        if size > ENTRY_BYTES:
            return
        self._kept[key] = _Kept(reply, self._clock(), size)
        self._bytes += size
        while self._bytes > BYTES or len(self._kept) > ENTRIES:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= oldest.size

    def reply(self, tenant: str, request: Request) -> Reply | None:
        """The last good reply to the same request, with its `Age`; None when there is none."""
        if request.method != "GET" or not _is_public(request):
            return None
        kept = self._kept.get((tenant, request.path, request.query))
        if kept is None:
            return None
        headers = [header for header in kept.reply.headers if header[0] != b"age"]
        headers.append((b"age", b"%d" % int(self._clock() - kept.at)))
        return Reply(kept.reply.status, headers, kept.reply.body)

    def keep_only(self, tenants: Collection[str]) -> None:
        """Forget the replies to all other tenants."""
        for key in [key for key in self._kept if key[0] not in tenants]:
            self._bytes -= self._kept.pop(key).size


def _is_public(request: Request) -> bool:
    return not any(name in _CREDENTIALS for name, _ in request.headers)


def _may_be_kept(headers: Headers) -> bool:
    for name, value in headers:
        if name == b"set-cookie":
            return False
        if name == b"cache-control" and not _NOT_KEPT.isdisjoint(_words(value)):
            return False
        if name == b"vary" and not {b"accept-encoding"}.issuperset(_words(value)):
            return False
    return True


def _words(value: bytes) -> set[bytes]:
    """The members of a list without their arguments, in lower case."""
    return {part.partition(b"=")[0].strip().lower() for part in value.split(b",")}
