# SPDX-License-Identifier: Apache-2.0
"""A gateway's side of step tokens by somebody else's library, so that both readings of the form are compared."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from genapps_verify import MemoryReplays, PublicKeys, StepVerifier

NOW = 1_795_000_000
AUDIENCE = "https://payments.example.com"
ARGUMENTS: dict[str, Any] = {"amount": 5, "to": "Zoë"}
DIGEST = "sha256:" + hashlib.sha256('{"amount":5,"to":"Zoë"}'.encode()).hexdigest()


def claims() -> dict[str, Any]:
    """Of the call `charge` of the connector `payments`."""
    return {
        "iat": NOW,
        "exp": NOW + 10,
        "aud": AUDIENCE,
        "txn": "4bf92f3577b34da6a3ce929d0e0e4736",
        "sub": "genapps-app/finance/converter",
        "scope": "payments/charge",
        "req_wl": "system:serviceaccount:genapps-run:finance-converter-0123456789abcdef",
        "tctx": {
            "connector": "payments",
            "tool": "charge",
            "effect": "Write",
            "arguments_digest": DIGEST,
            "envelope_digest": "sha256:" + "a" * 64,
            "code_digest": "sha256:" + "b" * 64,
            "idempotency_key": "f" * 64,
        },
        "rctx": {
            "app_uid": "c0ffee",
            "revision": "sha256:" + "c" * 64,
            "asserted_by_runtime": {"request_id": "r1", "step": 3, "tenant": "t" * 32},
        },
    }


def changed(content: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """With members replaced by their path, such as `tctx.tool`; None takes one away."""
    for path, value in changes.items():
        *parents, name = path.split(".")
        place = content
        for parent in parents:
            place = place[parent]
        if value is None:
            del place[name]
        else:
            place[name] = value
    return content


class Signer:
    """A key, the tokens that it signs, and the set that it is published in."""

    def __init__(self, kid: str = "first") -> None:
        self.kid = kid
        self.private = ec.generate_private_key(ec.SECP256R1())

    def token(self, head: Mapping[str, Any] | None = None, **changes: Any) -> str:
        """A token; `head` replaces members of its header, and `changes` claims (with `__` for a dot)."""
        content = changed(claims(), {name.replace("__", "."): value for name, value in changes.items()})
        return self.sign(content, head)

    def sign(self, content: Mapping[str, Any], head: Mapping[str, Any] | None = None) -> str:
        """These claims as a token."""
        headers = {"typ": "txntoken+jwt", "kid": self.kid, **(head or {})}
        return jwt.encode(dict(content), self.private, algorithm="ES256", headers=headers)

    def jwk(self, **changes: Any) -> dict[str, Any]:
        published: dict[str, Any] = jwt.algorithms.ECAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        return published | {"kid": self.kid, "alg": "ES256", "use": "sig"} | changes

    def published(self, *others: Signer) -> bytes:
        return json.dumps({"keys": [each.jwk() for each in (self, *others)]}).encode()


def part(content: Any) -> str:
    """As one part of a token; bytes as they are."""
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def verifier(signer: Signer, now: float = NOW + 1, **changes: Any) -> StepVerifier:
    """Of the connector `payments`; `changes` replace its arguments."""
    given: dict[str, Any] = {
        "connector": "payments",
        "audience": AUDIENCE,
        "keys": PublicKeys(signer.published, clock=lambda: 0.0),
        "replays": MemoryReplays(clock=lambda: now),
        "clock": lambda: now,
    }
    return StepVerifier(**(given | changes))
