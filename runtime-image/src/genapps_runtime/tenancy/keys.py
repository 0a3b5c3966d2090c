# SPDX-License-Identifier: Apache-2.0
"""The keys that tokens are verified with, as the gateway delivers them (docs/contracts/gateway-heartbeat.schema.json).

This process reaches no issuer: the gateway has read the keys there, and says so again and again. Keys that it has not
confirmed for a while are not used any more, so that a key which was withdrawn is not trusted forever.
"""

import base64
import time
from collections.abc import Callable, Mapping
from typing import Any

from genapps_runtime.tenancy.signatures import PublicKey

CONFIRMED_SECONDS = 600.0
"""How old the gateway's last word may be."""
MOST_KEYS = 64
KEY_ID_CHARACTERS = 512


class KeysInvalidError(ValueError):
    """The gateway's answer holds no keys as they are agreed on."""


class Keys:
    """The current keys. `issuer` is who signs with them; empty before there are any."""

    def __init__(self, issuer: str, clock: Callable[[], float] = time.monotonic) -> None:
        """`issuer` is the only one whose keys are taken; empty: the gateway says who it is. `clock` is in seconds."""
        self.issuer = issuer
        self._expected = issuer
        self._clock = clock
        self._by_id: dict[str, PublicKey] = {}
        self._confirmed = float("-inf")

    @property
    def usable(self) -> bool:
        """Whether there are keys that the gateway has confirmed of late."""
        return bool(self._by_id) and self._clock() - self._confirmed < CONFIRMED_SECONDS

    def find(self, key_id: str) -> PublicKey | None:
        """The key of that id."""
        return self._by_id.get(key_id)

    def replace(self, delivered: object) -> None:
        """Take these in place of all others. A key that stays the same is the same object as before.

        Raises KeysInvalidError, and nothing has changed.
        """
        issuer, entries = _parsed(delivered)
        if self._expected and issuer != self._expected:
            raise KeysInvalidError(f"the keys are of the issuer {issuer!r}")
        found: dict[str, PublicKey] = {}
        for entry in entries:
            key_id, algorithm, content = _entry(entry)
            known = self._by_id.get(key_id)
            if known is None or (known.algorithm, known.content) != (algorithm, content):
                try:
                    known = PublicKey(algorithm, content)
                except ValueError as error:
                    raise KeysInvalidError(f"key {key_id!r}: {error}") from None
            found[key_id] = known
        self.issuer, self._by_id, self._confirmed = issuer, found, self._clock()


def _parsed(delivered: object) -> tuple[str, list[Any]]:
    issuer, entries = (delivered.get("issuer"), delivered.get("keys")) if isinstance(delivered, Mapping) else ("", None)
    if not isinstance(issuer, str) or not issuer or not isinstance(entries, list) or len(entries) > MOST_KEYS:
        raise KeysInvalidError(f"no issuer with a list of at most {MOST_KEYS} keys")
    return issuer, entries


def _entry(entry: object) -> tuple[str, str, bytes]:
    fields = [entry.get(name) for name in ("id", "algorithm", "key")] if isinstance(entry, Mapping) else [None]
    if not all(isinstance(field, str) for field in fields) or not 0 < len(str(fields[0])) <= KEY_ID_CHARACTERS:
        raise KeysInvalidError("a key has no id, algorithm or content")
    key_id, algorithm, encoded = map(str, fields)
    try:
        return key_id, algorithm, base64.b64decode(encoded, validate=True)
    except ValueError:  # of characters beyond ASCII it is not binascii.Error
        raise KeysInvalidError(f"key {key_id!r} is not in base64") from None
