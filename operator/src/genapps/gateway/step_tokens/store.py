# SPDX-License-Identifier: Apache-2.0
"""Where the keys of step tokens are: in the gateway's own Secret, the same for all gateways, and public in a ConfigMap.

All gateways look at the Secret. Who finds that a key is due writes it by compare and swap, and who loses reads again.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable

import structlog

from genapps.api import names
from genapps.cluster import clocks
from genapps.cluster.errors import ApiError, ConflictError, NotFoundError
from genapps.cluster.resources import CONFIG_MAP, SECRET, Object
from genapps.gateway.ledgers.objects import Objects
from genapps.gateway.step_tokens.keys import KeyRing, KeysUnreadableError, read, rotated, stored

ENTRY = "step-tokens.json"
"""Of the Secret's data. Whoever takes it away makes all gateways use new keys at their next look."""
PUBLISHED_ENTRY = "jwks.json"
"""Of the ConfigMap's data."""
_LOOK_SECONDS = 30.0
_ATTEMPTS = 5

_log = structlog.get_logger(__name__)


class StepTokenKeys:
    """The ring of this process; `clock` is seconds since 1970."""

    def __init__(self, objects: Objects, namespace: str, clock: Callable[[], float] = clocks.unix_time) -> None:
        self._objects = objects
        self._namespace = namespace
        self._clock = clock
        self.ring: KeyRing | None = None
        """None: no Secret was read so far, so no token is signed."""
        self.tried = asyncio.Event()
        """Set when the first look has ended, with keys or without."""

    async def keep_fresh(self) -> None:
        """Until cancelled. What was read stays while the API server does not answer."""
        while True:
            try:
                await self.refresh()
            except (ApiError, KeysUnreadableError) as error:
                _log.warning("step_token_keys_not_refreshed", why=str(error))
            self.tried.set()
            await asyncio.sleep(_LOOK_SECONDS)

    async def refresh(self) -> None:
        """Read the keys, make those that are due, publish. Raises ApiError, or KeysUnreadableError when others write at
        every attempt."""
        for _ in range(_ATTEMPTS):
            try:
                secret = await self._objects.get(SECRET, self._namespace, names.GATEWAY_TLS_SECRET)
            except NotFoundError:
                secret = None
            found = _decoded(secret)
            wanted = rotated(found, self._clock())
            if wanted == found or await self._swapped(secret, wanted):
                if self.ring is None or wanted != self.ring:
                    _log.info("step_token_keys", kids=[key.kid for key in wanted.keys])
                self.ring = wanted
                await self._publish(wanted)
                return
        raise KeysUnreadableError(f"Secret {names.GATEWAY_TLS_SECRET} changes at every attempt to write it")

    async def _swapped(self, secret: Object | None, ring: KeyRing) -> bool:
        """Whether the keys are in the Secret now; False: somebody else was quicker."""
        kept = {} if secret is None else secret.get("data") or {}
        data = {**kept, ENTRY: base64.b64encode(stored(ring)).decode("ascii")}
        metadata = self._metadata(names.GATEWAY_TLS_SECRET)
        if secret is not None:
            metadata["resourceVersion"] = secret["metadata"]["resourceVersion"]
        manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}
        try:
            await (self._objects.create(manifest) if secret is None else self._objects.apply(manifest))
        except (ConflictError, NotFoundError):
            return False
        return True

    async def _publish(self, ring: KeyRing) -> None:
        data = {PUBLISHED_ENTRY: ring.published().decode("ascii")}
        try:
            live = await self._objects.get(CONFIG_MAP, self._namespace, names.STEP_TOKEN_KEYS_CONFIGMAP)
        except NotFoundError:
            live = {}
        if live.get("data") != data:
            metadata = self._metadata(names.STEP_TOKEN_KEYS_CONFIGMAP)
            await self._objects.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})

    def _metadata(self, name: str) -> Object:
        return {"namespace": self._namespace, "name": name, "labels": {names.LABEL_MANAGED_BY: names.MANAGED_BY}}


def _decoded(secret: Object | None) -> KeyRing | None:
    """The ring in the Secret. None: there is none that can be used, so one is made."""
    entry = ((secret or {}).get("data") or {}).get(ENTRY)
    if entry is None:
        return None
    try:
        return read(base64.b64decode(entry, validate=True))
    except (KeysUnreadableError, TypeError, binascii.Error) as error:
        _log.warning("step_token_keys_replaced", secret=names.GATEWAY_TLS_SECRET, why=str(error))
        return None
