# SPDX-License-Identifier: Apache-2.0
"""The gateway's public keys: read from a URL or a file, kept for five minutes, and read again for a key that is new."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec

from genapps_verify.errors import KeysUnavailableError

FRESH_SECONDS = 300.0
"""After that time keys are read again."""
STALE_SECONDS = 3600.0
"""Keys of before are used for so long when they cannot be read again."""
AGAIN_SECONDS = 10.0
"""Between two attempts to read, whatever keys tokens name: who sends made-up tokens causes no more."""
SET_BYTES = 64 * 1024
_KEYS = 16
_COORDINATE_BYTES = 32

Keys = Mapping[str, ec.EllipticCurvePublicKey]


class PublicKeys:
    """Keys by their id. `read` brings a JWKS, and may raise OSError or ValueError; `clock` is monotonic seconds.

    Threads may share it: one reads, and the others go on with what there is.
    """

    def __init__(self, read: Callable[[], bytes], clock: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: Keys = {}
        self._read_at: float | None = None
        self._tried_at: float | None = None
        self._why = "the keys were not read yet"

    def find(self, kid: str) -> ec.EllipticCurvePublicKey | None:
        """The key of that id; None: the gateway publishes no such key. Raises KeysUnavailableError."""
        now = self._clock()
        known = self._keys.get(kid)
        fresh = self._read_at is not None and now - self._read_at < FRESH_SECONDS
        if known is not None and fresh:
            return known
        if self._tried_at is None or now - self._tried_at >= AGAIN_SECONDS:
            self._refresh(now)
        if self._read_at is None or now - self._read_at >= STALE_SECONDS:
            raise KeysUnavailableError(self._why)
        return self._keys.get(kid)

    def _refresh(self, now: float) -> None:
        # Without keys there is nothing to go on with, so all wait for the one who reads.
        if not self._lock.acquire(blocking=self._read_at is None):
            return
        try:
            if self._tried_at is not None and now - self._tried_at < AGAIN_SECONDS:
                return
            self._tried_at = now
            self._keys = read_keys(self._read())
            self._read_at = now
        except (OSError, ValueError, HTTPException) as error:
            self._why = f"the keys cannot be read ({type(error).__name__}: {error})"
        finally:
            self._lock.release()


def keys_from_url(url: str, ca_file: str | None = None, timeout: float = 5.0) -> PublicKeys:
    """From the gateway's port, over TLS. `ca_file` holds the authority to trust in place of the system's; `timeout` is
    seconds. Redirects are not followed, and no proxy is asked. Raises ValueError for a URL that is not https."""
    if urlsplit(url).scheme != "https":
        raise ValueError("the URL of the keys must begin with https://: whoever answers it decides which tokens count")
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca_file)),
        _NoRedirects(),
    )

    def read() -> bytes:
        with opener.open(url, timeout=timeout) as answer:
            content: bytes = answer.read(SET_BYTES + 1)
        return content

    return PublicKeys(read)


def keys_from_file(path: str | Path) -> PublicKeys:
    """From a file, such as a mounted ConfigMap, whose replacement is noticed."""

    def read() -> bytes:
        with Path(path).open("rb") as file:
            return file.read(SET_BYTES + 1)

    return PublicKeys(read)


def read_keys(content: bytes) -> Keys:
    """The keys of a JWKS that verify ES256; others are left out. Raises ValueError for what is no set of keys."""
    if len(content) > SET_BYTES:
        raise ValueError(f"more than {SET_BYTES} bytes")
    document = json.loads(content)
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list) or len(entries) > _KEYS or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError(f"not a JWKS with at most {_KEYS} keys")
    usable = [entry for entry in entries if _usable(entry)]
    keys = {str(entry["kid"]): _key(entry) for entry in usable}
    if not keys or len(keys) < len(usable):
        raise ValueError("no key for ES256, or two of the same id")
    return keys


def _usable(entry: dict[str, Any]) -> bool:
    return (
        (entry.get("kty"), entry.get("crv")) == ("EC", "P-256")
        and entry.get("alg", "ES256") == "ES256"
        and entry.get("use", "sig") == "sig"
        and isinstance(entry.get("kid"), str)
    )


def _key(entry: dict[str, Any]) -> ec.EllipticCurvePublicKey:
    x, y = (_coordinate(entry.get(name)) for name in ("x", "y"))
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()


def _coordinate(text: object) -> int:
    content = base64.urlsafe_b64decode(f"{text}==")
    if len(content) != _COORDINATE_BYTES:
        raise ValueError("a coordinate that is not 32 bytes")
    return int.from_bytes(content, "big")


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Another place may have other keys."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """None: urllib then raises HTTPError."""
