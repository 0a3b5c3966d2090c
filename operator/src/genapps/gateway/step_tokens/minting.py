# SPDX-License-Identifier: Apache-2.0
"""The token of one attempt: which call it is, of which app, for whom it was made. It is of no use for another call.

What the platform knows stands beside what it only heard: `asserted_by_runtime` holds what the app's pod says
of the request, which a compromised pod could make up.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from typing import Any

from genapps.api import names
from genapps.cluster import clocks
from genapps.gateway.decision import Admit
from genapps.gateway.step_tokens.keys import KeyRing

HEADER = "txn-token"
"""Of the request; never Authorization, which may hold a credential."""
LONGEST_SECONDS = 60.0
"""Of a token's life; shorter when the call has to end before."""
_TXN_BYTES = 16
_PSEUDONYM_CHARACTERS = 32


class NoSigningKeyError(Exception):
    """No key signs now."""


class NoTimeLeftError(Exception):
    """A token would be over before anybody can look at it."""


class StepTokens:
    """Makes tokens. `ring` has the keys of now, `clock` is seconds since 1970, `new_txn` makes an id that no other
    token has."""

    def __init__(
        self,
        ring: Callable[[], KeyRing | None],
        clock: Callable[[], float] = clocks.unix_time,
        new_txn: Callable[[], str] = lambda: secrets.token_hex(_TXN_BYTES),
    ) -> None:
        self._ring = ring
        self._clock = clock
        self._new_txn = new_txn

    def mint(self, admitted: Admit, audience: str, arguments_digest: str, seconds: float) -> str:
        """A token for one attempt that may take so many seconds. Raises NoSigningKeyError and NoTimeLeftError."""
        now = self._clock()
        ring = self._ring()
        key = None if ring is None else ring.at(now)
        if ring is None or key is None:
            raise NoSigningKeyError
        # Whole seconds, rounded down: never past the end of the call.
        expires = int(now + min(seconds, LONGEST_SECONDS))
        if expires <= now:
            raise NoTimeLeftError
        record = admitted.app.record
        return key.token(
            {
                "iat": int(now),
                "exp": expires,
                "aud": audience,
                "txn": self._new_txn(),
                "sub": names.app_audience(record.app.namespace, record.app.name),
                "scope": f"{admitted.offer.name}/{admitted.tool.name}",
                "req_wl": names.service_account_subject(record.run_namespace, admitted.app.child),
                "tctx": _call(admitted, arguments_digest),
                "rctx": _request(admitted, audience, ring.pseudonym_key),
            }
        )


def pseudonym(key: bytes, audience: str, tenant: str) -> str:
    """The name of a tenant for one audience: always the same one, and without the key nobody finds the tenant, or the
    name that it has for another audience."""
    return hmac.digest(key, f"{audience}\0{tenant}".encode(), "sha256").hex()[:_PSEUDONYM_CHARACTERS]


def _call(admitted: Admit, arguments_digest: str) -> dict[str, Any]:
    record, key = admitted.app.record, admitted.call.key
    said = {
        "connector": admitted.offer.name,
        "tool": admitted.tool.name,
        "effect": admitted.tool.effect,
        "arguments_digest": arguments_digest,
        "envelope_digest": record.envelope.digest,
    }
    if record.revision is not None:
        said["code_digest"] = record.revision.code_digest
    if key:
        said["idempotency_key"] = key
    return said


def _request(admitted: Admit, audience: str, pseudonym_key: bytes) -> dict[str, Any]:
    record, call = admitted.app.record, admitted.call
    asserted: dict[str, Any] = {"request_id": call.request_id, "step": call.step}
    if call.tenant:
        asserted["tenant"] = pseudonym(pseudonym_key, audience, call.tenant)
    said: dict[str, Any] = {"app_uid": record.app.uid, "asserted_by_runtime": asserted}
    if record.revision is not None:
        said["revision"] = record.revision.digest
    return said
