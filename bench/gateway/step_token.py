# SPDX-License-Identifier: Apache-2.0
"""What a step token costs: CPU time, in this process, to mint one for a call, and to verify it in a connector.

Both count the digest of the arguments, and verifying counts the memory of replays. Beside them is PyJWT, which signs
and verifies the same claims in turns, and neither digests nor remembers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import jwt

from bench.context import Context
from bench.figures import Figure, figure, peer
from bench.gateway.objects import CALLED, CONNECTOR, child, connector, record
from genapps.api import digests
from genapps.api.apprecord import AppRecord
from genapps.gateway.callers.records import App
from genapps.gateway.catalogue import Catalogue
from genapps.gateway.decision import Admit, Question, admit
from genapps.gateway.messages import ToolCall
from genapps.gateway.step_tokens.keys import ALGORITHM, TOKEN_TYPE, KeyRing, SigningKey, rotated
from genapps.gateway.step_tokens.minting import StepTokens
from genapps_verify import MemoryReplays, PublicKeys, StepVerifier

_AUDIENCE = "https://rates.example.com"
_SECONDS = 5.0
_ARGUMENTS = {"currency": "EUR"}
_REVISION = dict.fromkeys(("digest", "codeDigest", "configDigest"), "sha256:" + "b" * 64)


async def step_token(context: Context) -> list[Figure]:
    """Minting, and verifying."""
    amount, rounds = context.amount(500, 50), context.amount(15, 3)
    ring, now = rotated(None, time.time()), time.time()
    key = ring.at(now)
    if key is None:
        raise RuntimeError("a new ring has a key that signs")
    tokens = _Tokens(ring, key, now)
    minted, signed, verified, decoded = [], [], [], []
    before = context.quiet.now()
    for _ in range(rounds):
        fresh = [tokens.mint() for _ in range(amount)]
        claims = [jwt.decode(token, options={"verify_signature": False}) for token in fresh]
        minted.append(_micros(tokens.mint_any, fresh))
        signed.append(_micros(tokens.sign, claims))
        verified.append(_micros(tokens.verify, fresh))
        decoded.append(_micros(tokens.decode, fresh))
    busy = context.quiet.disturbed(before)
    return [
        figure("step token minted", "us", "engine", minted, peer("PyJWT", signed), disturbed=busy),
        figure("step token verified", "us", "engine", verified, peer("PyJWT", decoded), disturbed=busy),
    ]


class _Tokens:
    """The two sides of a call, and the library that does the same."""

    def __init__(self, ring: KeyRing, key: SigningKey, now: float) -> None:
        self._admitted = _admitted()
        self._minting = StepTokens(lambda: ring, clock=lambda: now)
        self._key = key
        self._public = key.private.public_key()
        self._verifier = StepVerifier(
            CONNECTOR, _AUDIENCE, PublicKeys(ring.published), MemoryReplays(10_000_000), clock=lambda: now
        )

    def mint(self) -> str:
        """As the gateway does for an attempt."""
        digest = digests.sha256(digests.canonical(self._admitted.call.arguments))
        return self._minting.mint(self._admitted, _AUDIENCE, digest, _SECONDS)

    def mint_any(self, _: str) -> None:
        """One more."""
        self.mint()

    def verify(self, token: str) -> None:
        """As a connector does."""
        self._verifier.verify(token, CALLED, _ARGUMENTS)

    def sign(self, claims: dict[str, Any]) -> None:
        """The same claims by PyJWT."""
        jwt.encode(claims, self._key.private, ALGORITHM, {"kid": self._key.kid, "typ": TOKEN_TYPE})

    def decode(self, token: str) -> None:
        """The same token by PyJWT."""
        jwt.decode(token, self._public, [ALGORITHM], audience=_AUDIENCE, options={"verify_exp": False})


def _micros(work: Callable[[Any], None], things: Sequence[Any]) -> float:
    begun = time.thread_time()
    for thing in things:
        work(thing)
    return (time.thread_time() - begun) / len(things) * 1e6


def _admitted() -> Admit:
    catalogue = Catalogue()
    catalogue.changed(connector())
    written = record(1)
    written["record"]["revision"] = _REVISION
    asked = ToolCall.model_validate(
        {
            "requestId": "0123456789abcdef" * 2,
            "step": 1,
            "connector": CONNECTOR,
            "tool": CALLED,
            "arguments": _ARGUMENTS,
            "key": "f" * 64,
            "tenant": "e" * 64,
        }
    )
    app = App(child(1), AppRecord.model_validate(written).record)
    decided = admit(Question(app, at_threshold=False, message=asked, offer=catalogue.find(CONNECTOR)))
    if not isinstance(decided, Admit):
        raise TypeError(f"the call is not admitted: {decided}")
    return decided
