# SPDX-License-Identifier: Apache-2.0
"""Pulls one artifact through the distribution API: bounded in time, bytes, redirects and places it can be led to."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import aiohttp
import orjson
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from genapps.api.addresses import is_host_name, is_public
from genapps.api.conditions import Reason
from genapps.registry.artifact import (
    MANIFEST,
    MANIFEST_BYTES,
    Artifact,
    PullError,
    Reference,
    checked,
    files_of,
    read_manifest,
)
from genapps.registry.credentials import Login, login_for

REDIRECTS = 3
_REQUEST = aiohttp.ClientTimeout(total=20, sock_connect=5, sock_read=10)
_TOKEN_BYTES = 64 * 1024
_AGAIN = "the operator tries again; if this lasts, ask the platform team"
_ASK = "ask the platform team to check the registry"
_REDIRECTING = frozenset({301, 302, 303, 307, 308})
_PARAMETER = re.compile(r'([a-z]+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Access:
    """How registries are reached. `ca` is trusted beside the system's authorities; `token_hosts` may issue tokens
    for registries of other names; `public` says whether a redirect may lead to an address; `seconds` bounds a pull
    as a whole."""

    ca: Path | None = None
    credentials: Path | None = None
    token_hosts: frozenset[str] = frozenset()
    public: Callable[[str], bool] = is_public
    seconds: float = 60.0


async def pull(reference: Reference, access: Access) -> Artifact:
    """The verified files. Raises PullError, whatever goes wrong at the other end."""
    try:
        async with asyncio.timeout(access.seconds), _Registry(reference, access) as registry:
            raw = await registry.get(f"manifests/{reference.digest}", MANIFEST_BYTES, accept=MANIFEST)
            manifest = read_manifest(raw, reference.digest)
            contents: dict[str, bytes] = {}
            for layer in manifest.layers:
                if layer.digest not in contents:
                    contents[layer.digest] = await registry.get(f"blobs/{layer.digest}", layer.size)
                checked(layer, contents[layer.digest])
            files = await asyncio.to_thread(files_of, manifest, contents)
    except aiohttp.ClientConnectorCertificateError as error:
        raise _unavailable(
            "the registry's certificate is not trusted; ask the platform team to set registries.caConfigMap"
        ) from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise _unavailable(f"the registry does not answer ({type(error).__name__}); {_AGAIN}") from error
    return Artifact(manifest.entry, files)


class _Registry:
    """The registry of one reference, for one pull."""

    def __init__(self, reference: Reference, access: Access) -> None:
        self._reference = reference
        self._access = access
        self._origin = URL(f"https://{reference.host}").origin()
        self._stack = AsyncExitStack()
        self._authorization: str | None = None

    async def __aenter__(self) -> Self:
        tls = ssl.create_default_context()
        # As for the API server: many private authorities still issue certificates without key identifiers.
        tls.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if self._access.ca is not None:
            tls.load_verify_locations(cafile=self._access.ca)
        enter = self._stack.enter_async_context
        self._listed = await enter(_session(aiohttp.TCPConnector(ssl=tls)))
        resolver = _PublicResolver(self._access.public)
        self._elsewhere = await enter(_session(aiohttp.TCPConnector(ssl=tls, resolver=resolver)))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def get(self, path: str, limit: int, accept: str = "*/*") -> bytes:
        """The body of a manifest or blob, at most `limit` bytes of it. Authorises itself once if it is asked to."""
        url = self._origin / "v2" / self._reference.repository / path
        for _ in range(2):
            headers = {"Accept": accept, **({"Authorization": self._authorization} if self._authorization else {})}
            async with self._listed.get(url, headers=headers, allow_redirects=False) as response:
                if response.status == 401 and self._authorization is None:
                    challenges = response.headers.getall("WWW-Authenticate", [])
                elif response.status in _REDIRECTING:
                    return await self._follow(url, response.headers.get("Location", ""), limit)
                else:
                    return await _body(response, limit)
            self._authorization = await self._authorize(challenges)
        raise _unauthorized()

    async def _follow(self, url: URL, location: str, limit: int) -> bytes:
        """Registries keep blobs elsewhere. No credentials go there, and it must not be inside of anything."""
        for _ in range(REDIRECTS):
            url = self._checked(url, location)
            session = self._listed if url.origin() == self._origin else self._elsewhere
            async with session.get(url, allow_redirects=False) as response:
                if response.status not in _REDIRECTING:
                    return await _body(response, limit)
                location = response.headers.get("Location", "")
        raise _unavailable(f"the registry redirects more than {REDIRECTS} times; {_ASK}")

    def _checked(self, base: URL, location: str) -> URL:
        try:
            url = base.join(URL(location))
            host, origin = url.host or "", url.origin()
        except ValueError:
            raise _unavailable(f"the registry redirects to an invalid address; {_ASK}") from None
        if url.scheme != "https" or url.user is not None or url.password is not None:
            raise _unavailable(f"the registry redirects to an address without https; {_ASK}")
        if origin != self._origin and not (is_host_name(host) or self._access.public(host)):
            raise _unavailable(f"the registry redirects to an address that is not public; {_ASK}")
        return url

    async def _authorize(self, challenges: list[str]) -> str:
        """The value of an Authorization header that answers the challenge."""
        login = login_for(self._access.credentials, self._reference)
        for challenge in challenges:
            scheme, _, rest = challenge.partition(" ")
            if scheme.lower() == "bearer":
                return f"Bearer {await self._token(dict(_PARAMETER.findall(rest)), login)}"
            if scheme.lower() == "basic" and login is not None:
                return login.basic()
        raise _unauthorized()

    async def _token(self, challenge: dict[str, str], login: Login | None) -> str:
        try:
            realm = URL(challenge.get("realm", ""))
            own = realm.origin() == self._origin
        except ValueError:
            raise _unavailable(f"the registry names no token server; {_ASK}") from None
        listed = realm.explicit_port is None and realm.host in self._access.token_hosts
        if realm.scheme != "https" or realm.user is not None or not (own or listed):
            raise _unavailable(
                "the registry's token server is another host; ask the platform team to add it to registries.tokenHosts"
            )
        # The scope is ours: a challenge could ask for more than this one repository.
        query = {"scope": f"repository:{self._reference.repository}:pull"}
        if service := challenge.get("service"):
            query["service"] = service
        headers = {"Authorization": login.basic()} if login else {}
        async with self._listed.get(realm.update_query(query), headers=headers, allow_redirects=False) as response:
            if response.status != 200:
                raise _unauthorized()
            raw = await _body(response, _TOKEN_BYTES)
        try:
            said = orjson.loads(raw)
            token = said.get("token") or said.get("access_token")
        except (orjson.JSONDecodeError, AttributeError):
            token = None
        if not isinstance(token, str) or not token.isascii() or not token.isprintable() or " " in token:
            raise _unavailable(f"the registry's token is invalid; {_ASK}")
        return token


class _PublicResolver(AbstractResolver):
    """Names resolve to public addresses only, and the connection goes to the address that was checked."""

    def __init__(self, public: Callable[[str], bool]) -> None:
        self._inner = aiohttp.ThreadedResolver()
        self._public = public

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = [one for one in await self._inner.resolve(host, port, family) if self._public(one["host"])]
        if not found:
            raise _unavailable(f"the registry redirects to an address that is not public; {_ASK}")
        return found

    async def close(self) -> None:
        await self._inner.close()


def _session(connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
    """Nothing is followed, decompressed or remembered but what we ask for ourselves."""
    return aiohttp.ClientSession(
        connector=connector,
        timeout=_REQUEST,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": "genapps-operator", "Accept-Encoding": "identity"},
        trust_env=False,
    )


async def _body(response: aiohttp.ClientResponse, limit: int) -> bytes:
    if response.status in (401, 403):
        raise _unauthorized()
    if response.status == 404:
        raise PullError(Reason.SOURCE_NOT_FOUND, "the registry has no such image; push it, or correct the reference")
    if response.status != 200:
        raise _unavailable(f"the registry answers with status {response.status}; {_AGAIN}")
    parts = bytearray()
    async for chunk in response.content.iter_chunked(64 * 1024):
        parts += chunk
        if len(parts) > limit:
            raise PullError(Reason.SOURCE_INVALID, f"the registry sends more than the expected {limit} bytes; {_ASK}")
    return bytes(parts)


def _unavailable(message: str) -> PullError:
    return PullError(Reason.SOURCE_UNAVAILABLE, message)


def _unauthorized() -> PullError:
    return _unavailable("the registry refuses the login; ask the platform team to correct registries.credentialsSecret")
