# SPDX-License-Identifier: Apache-2.0
"""The keys that runtimes verify tokens with. A pod reaches nobody but the gateway, so it gets them here."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

if TYPE_CHECKING:
    from collections.abc import Callable

    from genapps.gateway.callers.identity import Keys, KeySource
    from genapps.gateway.callers.records import App

Delivered = dict[str, Any]
MOST_MADE = 128


class TokenKeyDelivery:
    """Which keys an app gets: those that its record names, and only while there are any."""

    def __init__(self, api_server: KeySource, of_issuer: Callable[[str], Keys | None]) -> None:
        """`of_issuer` gives the current keys of an issuer of tenants' tokens."""
        self._api_server = api_server
        self._of_issuer = of_issuer
        self._made: dict[str, tuple[Keys, Delivered]] = {}

    def of(self, app: App) -> Delivered | None:
        """The keys for this app's pod (docs/contracts/gateway-heartbeat.schema.json); None: it gets none now."""
        wanted = app.record.token_keys
        if wanted is None:
            return None
        keys = self._api_server.current if wanted.issuer is None else self._of_issuer(wanted.issuer)
        if keys is None:
            return None
        made = self._made.get(keys.issuer)
        if made is None or made[0] is not keys:
            if len(self._made) >= MOST_MADE:
                self._made.clear()
            made = self._made[keys.issuer] = keys, delivered(keys)
        return made[1]


def delivered(keys: Keys) -> Delivered:
    """The keys in the form that needs no library to read: SubjectPublicKeyInfo in DER, in base64."""
    return {
        "issuer": keys.issuer,
        "keys": [
            {"id": key_id, "algorithm": key.algorithm_name, "key": _encoded(key.key)}
            for key_id, key in sorted(keys.by_id.items())
        ],
    }


def _encoded(public: Any) -> str:
    return base64.b64encode(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode("ascii")
