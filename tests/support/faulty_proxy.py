# SPDX-License-Identifier: Apache-2.0
"""A reverse proxy in front of a real API server that refuses, delays, loses answers or ends watches as a test says.

It speaks plain HTTP on this machine, asks as the administrator of the node, and keeps the user agent of whoever asks.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import aiohttp
import orjson
import yaml
from aiohttp import web

from genapps.cluster.connection import Connection, from_kubeconfig

_HOP_BY_HOP = frozenset({"host", "connection", "transfer-encoding", "content-length", "keep-alive"})
_SECONDS = 30


class Seen(NamedTuple):
    """One request: `status` is what was answered (0: nothing), `at` when, in seconds of a monotonic clock."""

    method: str
    path: str
    status: int
    at: float


@dataclass(eq=False)
class Fault:
    """What happens to requests that fit `where`, to the first `times` of them if that is given.

    `status` refuses without asking the API server, with that code and `retry_after` in seconds; `delay` in seconds
    comes before anything else; `lose` asks the API server and breaks the connection instead of answering."""

    where: Callable[[web.Request], bool]
    status: int = 0
    retry_after: int | None = None
    delay: float = 0.0
    lose: bool = False
    times: int | None = None
    met: int = 0

    def takes(self, request: web.Request) -> bool:
        if (self.times is not None and self.met >= self.times) or not self.where(request):
            return False
        self.met += 1
        return True


def is_watch(request: web.Request) -> bool:
    return request.query.get("watch") in ("1", "true")


def is_write(request: web.Request) -> bool:
    return request.method != "GET"


def is_no_lease(request: web.Request) -> bool:
    """All but what leadership rests on."""
    return "/leases" not in request.path


def status_object(code: int) -> dict[str, object]:
    """As an API server puts a refusal."""
    reason = {410: "Expired", 429: "TooManyRequests"}.get(code, "InternalError")
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "reason": reason,
        "message": f"refused by a test with {code}",
        "code": code,
    }


@dataclass(eq=False)
class FaultyProxy:
    """Used from the test's thread; it serves in one of its own."""

    upstream: Connection
    seen: list[Seen] = field(default_factory=list)
    url: str = ""
    _faults: list[Fault] = field(default_factory=list)
    _watches: dict[asyncio.Task[None], bytes] = field(default_factory=dict)
    """Those that are open, and what is said at their end."""
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    @contextmanager
    def fault(self, fault: Fault) -> Iterator[Fault]:
        """In force until the end of the block."""
        self._faults.append(fault)
        try:
            yield fault
        finally:
            self._faults.remove(fault)

    def end_watches(self, *, code: int = 0) -> int:
        """End all open watches: with an ERROR event of that code, or without a word; how many there were."""
        return asyncio.run_coroutine_threadsafe(self._end_watches(code), self._loop).result(_SECONDS)

    def run(self, ready: threading.Event, stop: asyncio.Event) -> None:
        """Serve until `stop`; the body of its thread."""
        self._loop.run_until_complete(self._serve(ready, stop))
        self._loop.close()

    async def _serve(self, ready: threading.Event, stop: asyncio.Event) -> None:
        connector = aiohttp.TCPConnector(ssl=self.upstream.tls or False, limit=0)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False) as session:
            app = web.Application(client_max_size=2**24)

            async def handle(request: web.Request) -> web.StreamResponse:
                return await self._handle(session, request)

            app.router.add_route("*", "/{path:.*}", handle)
            runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1, access_log=None)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            ready.set()
            await stop.wait()
            await self._end_watches(0)
            await runner.cleanup()

    async def _handle(self, session: aiohttp.ClientSession, request: web.Request) -> web.StreamResponse:
        found = [fault for fault in self._faults if fault.takes(request)]
        for fault in found:
            await asyncio.sleep(fault.delay)
        refused = next((fault for fault in found if fault.status), None)
        if refused:
            after = {} if refused.retry_after is None else {"Retry-After": str(refused.retry_after)}
            self._note(request, refused.status)
            body = orjson.dumps(status_object(refused.status))
            return web.Response(body=body, status=refused.status, headers=after, content_type="application/json")
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        url = self.upstream.server + request.raw_path
        async with session.request(request.method, url, headers=headers, data=await request.read() or None) as answer:
            if is_watch(request) and answer.status == 200:
                return await self._stream(request, answer)
            content = await answer.read()
        if any(fault.lose for fault in found) and request.transport is not None:
            self._note(request, 0)
            request.transport.abort()
        else:
            self._note(request, answer.status)
        kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP}
        return web.Response(body=content, status=answer.status, headers=kept)

    async def _stream(self, request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        """Whole events only, so that one more can be put behind them."""
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        self._note(request, answer.status)
        task = asyncio.ensure_future(_pump(answer, response))
        self._watches[task] = b""
        try:
            await asyncio.wait([task])
        finally:
            task.cancel()
            last = self._watches.pop(task)
        if last:
            await response.write(last)
        return response

    async def _end_watches(self, code: int) -> int:
        last = orjson.dumps({"type": "ERROR", "object": status_object(code)}) + b"\n" if code else b""
        ended = list(self._watches)
        for task in ended:
            self._watches[task] = last
            task.cancel()
        if ended:
            await asyncio.wait(ended)
        return len(ended)

    def _note(self, request: web.Request, status: int) -> None:
        self.seen.append(Seen(request.method, request.path, status, time.monotonic()))

    def wake(self, stop: asyncio.Event) -> None:
        """Set an event of the proxy's loop."""
        self._loop.call_soon_threadsafe(stop.set)


async def _pump(answer: aiohttp.ClientResponse, response: web.StreamResponse) -> None:
    try:
        async for line in _lines(answer.content):
            await response.write(line)
    except (aiohttp.ClientError, ConnectionError):
        # Whichever side went, the other one is told by the end of the stream.
        return


async def _lines(stream: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    pending = b""
    async for chunk in stream.iter_any():
        whole, newline, pending = (pending + chunk).rpartition(b"\n")
        if newline:
            yield whole + newline


@contextmanager
def faulty_proxy(kubeconfig: Path, folder: Path) -> Iterator[tuple[FaultyProxy, Path]]:
    """A proxy for the cluster of a kubeconfig, and another kubeconfig (in `folder`) that leads through it."""
    proxy = FaultyProxy(from_kubeconfig(kubeconfig))
    ready, stop = threading.Event(), asyncio.Event()
    thread = threading.Thread(target=proxy.run, args=(ready, stop))
    thread.start()
    try:
        assert ready.wait(_SECONDS)
        cluster = {"name": "proxy", "cluster": {"server": proxy.url}}
        context = {"name": "proxy", "context": {"cluster": "proxy", "user": "proxy"}}
        user = {"name": "proxy", "user": {}}
        content = {"clusters": [cluster], "contexts": [context], "users": [user], "current-context": "proxy"}
        path = folder / "kubeconfig"
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        yield proxy, path
    finally:
        proxy.wake(stop)
        thread.join(_SECONDS)
