# SPDX-License-Identifier: Apache-2.0
"""How to reach the API server: from inside the cluster, or by a kubeconfig (tests and development).

The bearer token is read again from its file, because projected tokens are rotated under a running process.
"""

from __future__ import annotations

import base64
import ssl
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from genapps.environment import SettingsError

_IN_CLUSTER = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_TOKEN_SECONDS = 60.0


@dataclass(slots=True)
class TokenFile:
    """A bearer token in a file, read again every minute and on `forget()` (after a 401)."""

    path: Path
    clock: Callable[[], float] = time.monotonic
    _value: str = field(default="", repr=False)
    _read_at: float = float("-inf")

    def current(self) -> str:
        """The token, at most a minute old. Raises OSError."""
        if self.clock() - self._read_at >= _TOKEN_SECONDS:
            self._value = self.path.read_text(encoding="ascii").strip()
            self._read_at = self.clock()
        return self._value

    def forget(self) -> None:
        """Read the file again at the next request."""
        self._read_at = float("-inf")


@dataclass(frozen=True, slots=True)
class FixedToken:
    """A bearer token written into the kubeconfig; empty where a client certificate identifies the caller."""

    value: str = field(default="", repr=False)

    def current(self) -> str:
        """The token."""
        return self.value

    def forget(self) -> None:
        """Nothing newer can be read."""


@dataclass(frozen=True, slots=True)
class Connection:
    """An API server's base URL without trailing slash, the TLS context for it, and the caller's token."""

    server: str
    tls: ssl.SSLContext | None
    token: TokenFile | FixedToken


def connect(environ: Mapping[str, str]) -> Connection:
    """In-cluster when the kubelet says so, else the current context of `$KUBECONFIG` (or `~/.kube/config`).
    Raises SettingsError."""
    host = environ.get("KUBERNETES_SERVICE_HOST")
    if host and not environ.get("KUBECONFIG"):
        return _in_cluster(host, environ.get("KUBERNETES_SERVICE_PORT", "443"))
    path = Path(environ.get("KUBECONFIG") or Path(environ.get("HOME", "/")) / ".kube" / "config")
    if not path.is_file():
        raise SettingsError(f"no API server: not in a cluster, and there is no kubeconfig at {path}")
    return from_kubeconfig(path)


WriteGuard = Callable[[], None]
"""Returns when a write may leave the process now, else raises (or ends the process)."""
_READS = frozenset({"GET", "HEAD"})


class ReadsOnlyError(RuntimeError):
    """A session that only reads was asked to write: a mistake in this program."""


def reads_only() -> None:
    """The write guard of a session that never writes."""
    raise ReadsOnlyError("this session only reads")


def _open() -> None:
    """No guard: the writer needs none (it swaps against versions), or is the one that guards others."""


class _GuardedConnector(aiohttp.TCPConnector):
    """Asks the write guard when a write has its connection and is about to be sent: whatever it waited for (a place in
    the pool, a handshake, a process that was stopped and goes on) is over by then. aiohttp's own repetition of a
    request on a connection that the server had closed comes past here as well."""

    def __init__(self, write_guard: WriteGuard, *, tls: ssl.SSLContext | bool, limit: int) -> None:
        super().__init__(ssl=tls, limit=limit)
        self._write_guard = write_guard

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 (aiohttp's own)
    ) -> aiohttp.connector.Connection:
        connection = await super().connect(req, traces, timeout)
        if req.method not in _READS:
            try:
                self._write_guard()
            except BaseException:
                connection.release()
                raise
        return connection


def open_session(
    connection: Connection,
    user_agent: str,
    *,
    connections: int = 128,
    write_guard: WriteGuard | None = None,
    traces: Sequence[aiohttp.TraceConfig] = (),
    response_class: type[aiohttp.ClientResponse] = aiohttp.ClientResponse,
) -> aiohttp.ClientSession:
    """A session for the API server that puts the token of the moment on each request. `connections` bounds how many
    there are at once (0: nothing does); `write_guard` is asked before each request that is no read."""

    async def authorise(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        token = connection.token.current()
        if token:
            request.headers["Authorization"] = f"Bearer {token}"
        return await send(request)

    return aiohttp.ClientSession(
        connector=_GuardedConnector(write_guard or _open, tls=connection.tls or False, limit=connections),
        headers={"User-Agent": user_agent},
        middlewares=(authorise,),
        trace_configs=list(traces),
        response_class=response_class,
    )


def _in_cluster(host: str, port: str) -> Connection:
    literal = f"[{host}]" if ":" in host else host
    tls = _trusting(ssl.create_default_context(cafile=str(_IN_CLUSTER / "ca.crt")))
    return Connection(f"https://{literal}:{port}", tls, TokenFile(_IN_CLUSTER / "token"))


def from_kubeconfig(path: Path) -> Connection:
    """The current context of a kubeconfig: certificates or tokens, inline or in files; no exec plug-ins."""
    content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    context = _named(content, "contexts", content.get("current-context"), path)["context"]
    cluster = _named(content, "clusters", context["cluster"], path)["cluster"]
    user = _named(content, "users", context["user"], path).get("user") or {}
    if "exec" in user or "auth-provider" in user:
        raise SettingsError(f"{path}: credentials by plug-in are not supported, use a token or certificate")
    server = str(cluster["server"]).rstrip("/")
    tls = _tls(cluster, user, path.parent) if server.startswith("https://") else None
    if "tokenFile" in user:
        return Connection(server, tls, TokenFile(path.parent / str(user["tokenFile"])))
    return Connection(server, tls, FixedToken(str(user.get("token", ""))))


def _named(content: Mapping[str, Any], section: str, name: object, path: Path) -> Mapping[str, Any]:
    for entry in content.get(section) or ():
        if entry.get("name") == name:
            return dict(entry)
    raise SettingsError(f"{path}: no {section[:-1]} named {name!r}")


def _tls(cluster: Mapping[str, Any], user: Mapping[str, Any], folder: Path) -> ssl.SSLContext:
    ca = _pem(cluster, "certificate-authority", folder)
    tls = _trusting(ssl.create_default_context(cadata=ca.decode("ascii") if ca else None))
    if cluster.get("insecure-skip-tls-verify"):
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    if cluster.get("tls-server-name"):
        raise SettingsError("tls-server-name is not supported")
    certificate = _pem(user, "client-certificate", folder)
    key = _pem(user, "client-key", folder)
    if certificate and key:
        # The ssl module loads key material from files only; the directory is private (0700) and gone at once.
        with tempfile.TemporaryDirectory() as private:
            both = Path(private) / "client.pem"
            both.write_bytes(certificate + b"\n" + key)
            tls.load_cert_chain(both)
    return tls


def _trusting(tls: ssl.SSLContext) -> ssl.SSLContext:
    # Python 3.13 refuses certificates without key identifiers, which many clusters' own authorities still issue.
    # Chain, dates and name are verified as before.
    tls.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return tls


def _pem(section: Mapping[str, Any], name: str, folder: Path) -> bytes | None:
    if section.get(f"{name}-data"):
        return base64.b64decode(section[f"{name}-data"])
    if section.get(name):
        return (folder / str(section[name])).read_bytes()
    return None
