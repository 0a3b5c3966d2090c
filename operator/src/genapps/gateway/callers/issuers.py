# SPDX-License-Identifier: Apache-2.0
"""The keys of issuers of tenants' tokens, by OpenID discovery: read here, because an app's pod reaches no issuer.

An issuer is asked only while a record names it, and a record names only what the policy of its budget allows. What it
answers is bounded in time and bytes, and no redirect is followed.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
import jwt
import orjson
import structlog
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from genapps.cluster import clocks
from genapps.gateway.callers.identity import Keys
from genapps.gateway.callers.token_keys import delivered

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

FRESH_SECONDS = 60.0
AGAIN_SECONDS = 10.0
"""After a failure."""
TRUSTED_SECONDS = 3600.0
"""How long keys are delivered that their issuer has not confirmed."""
MOST_ISSUERS = 64
MOST_KEYS = 64
DOCUMENT_BYTES = 256 * 1024
FETCH_SECONDS = 5.0
RSA_BITS = range(2048, 8193)
_LOOK_SECONDS = 1.0
_DISCOVERY = "/.well-known/openid-configuration"
_PRIVATE = frozenset({"d", "k", "p", "q"})

Fetch = Callable[[str], Awaitable[bytes]]

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Issuer:
    """What is known of one; times are monotonic, in seconds."""

    keys: Keys | None = None
    confirmed: float = float("-inf")
    next_at: float = float("-inf")


class Issuers:
    """`wanted` names the issuers whose keys apps need. `fetch` reads a document, and raises ValueError or OSError."""

    def __init__(
        self, wanted: Callable[[], Iterable[str]], fetch: Fetch, clock: Callable[[], float] = clocks.monotonic
    ) -> None:
        self._wanted = wanted
        self._fetch = fetch
        self._clock = clock
        self._known: dict[str, _Issuer] = {}

    def current(self, issuer: str) -> Keys | None:
        """The keys that the issuer has confirmed within TRUSTED_SECONDS; None when there are none."""
        known = self._known.get(issuer)
        if known is None or self._clock() - known.confirmed >= TRUSTED_SECONDS:
            return None
        return known.keys

    async def refresh(self) -> None:
        """Ask each issuer that is due; forget those that nobody needs."""
        wanted = sorted(set(self._wanted()))[:MOST_ISSUERS]
        self._known = {issuer: self._known.get(issuer) or _Issuer() for issuer in wanted}
        now = self._clock()
        due = [(issuer, known) for issuer, known in self._known.items() if known.next_at <= now]
        await asyncio.gather(*(self._ask(issuer, known) for issuer, known in due))

    async def keep_fresh(self) -> None:
        """Until cancelled."""
        while True:
            await self.refresh()
            await asyncio.sleep(_LOOK_SECONDS)

    async def _ask(self, issuer: str, known: _Issuer) -> None:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                discovery = await self._fetch(issuer.rstrip("/") + _DISCOVERY)
                keys = read_key_set(issuer, await self._fetch(key_set_address(issuer, discovery)))
        except Exception as error:  # whatever an issuer answers, the others go on
            _log.warning("issuer_keys_not_fetched", issuer=issuer, error=type(error).__name__, detail=str(error)[:200])
            known.next_at = self._clock() + AGAIN_SECONDS
            return
        known.confirmed = self._clock()
        known.next_at = known.confirmed + FRESH_SECONDS
        if known.keys is None or _named(known.keys) != _named(keys):
            known.keys = keys


def key_set_address(issuer: str, discovery: bytes) -> str:
    """Where the issuer's keys are. Raises ValueError for a document of another issuer, or without an https address."""
    document = orjson.loads(discovery)
    found = document if isinstance(document, dict) else {}
    address = found.get("jwks_uri")
    if found.get("issuer") != issuer:
        raise ValueError("the discovery document is of another issuer")
    if not isinstance(address, str) or not address.startswith("https://") or not address.isprintable():
        raise ValueError("the discovery document names no https address of keys")
    return address


def read_key_set(issuer: str, content: bytes) -> Keys:
    """The keys that tokens may be signed with; others are left out. Raises ValueError."""
    document = orjson.loads(content)
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list) or len(entries) > MOST_KEYS:
        raise ValueError(f"no list of at most {MOST_KEYS} keys")
    found: dict[str, jwt.PyJWK] = {}
    for entry in entries:
        key = _key(entry)
        if key is not None and key.key_id:
            found[key.key_id] = key
    return Keys(issuer, found)


def _key(entry: Any) -> jwt.PyJWK | None:
    """The public key, if it is for signatures with RS256, ES256 or EdDSA."""
    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig" or _PRIVATE & set(entry):
        return None
    if not isinstance(entry.get("kid"), str):
        return None
    try:
        key = jwt.PyJWK(entry)
    except Exception:  # one key that cannot be read keeps no other from its place
        return None
    fits = {
        "RS256": isinstance(key.key, rsa.RSAPublicKey) and key.key.key_size in RSA_BITS,
        "ES256": isinstance(key.key, ec.EllipticCurvePublicKey) and isinstance(key.key.curve, ec.SECP256R1),
        "EdDSA": isinstance(key.key, ed25519.Ed25519PublicKey),
    }
    return key if fits.get(key.algorithm_name) else None


def _named(keys: Keys) -> dict[str, Any]:
    """What tells two key sets apart."""
    return delivered(keys)


@asynccontextmanager
async def https_documents(ca: Path | None) -> AsyncIterator[Fetch]:
    """Reads documents over https; `ca` is trusted beside the system's authorities."""
    tls = ssl.create_default_context()
    if ca is not None:
        tls.load_verify_locations(cafile=ca)
    timeout = aiohttp.ClientTimeout(total=FETCH_SECONDS)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls), timeout=timeout) as session:

        async def fetch(url: str) -> bytes:
            async with session.get(url, allow_redirects=False) as response:
                if response.status != 200:
                    raise ValueError(f"{url} answered {response.status}")
                content = bytearray()
                async for piece in response.content.iter_any():
                    content += piece
                    if len(content) > DOCUMENT_BYTES:
                        raise ValueError(f"{url} has more than {DOCUMENT_BYTES} bytes")
                return bytes(content)

        yield fetch
