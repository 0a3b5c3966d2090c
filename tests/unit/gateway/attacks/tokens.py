# SPDX-License-Identifier: Apache-2.0
"""Attacks with tokens: who an app is not."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from genapps.gateway.callers.identity import TOKEN_LIMIT, TokenFault
from tests.unit.gateway.attacks.rows import NEIGHBOUR, NEIGHBOUR_UID
from tests.unit.gateway.world import CHILD, NOON, POD_UID, Installation, app_record, projected_claims, public_key

Claims = dict[str, Any]


@dataclass(frozen=True)
class Forgery:
    """One row: the token, and why it is refused; None: it is a good token, of a pod that is no app's (any more)."""

    title: str
    fault: TokenFault | None
    token: Callable[[Installation], str]
    change: Callable[[Installation], None] = lambda _: None
    """What happens to the record after the token was used once."""


def bound(pod: str = CHILD, uid: str = POD_UID, account: str = CHILD, namespace: str = "genapps-run") -> Claims:
    """Whose token Kubernetes says it is."""
    own = {"pod": {"name": pod, "uid": uid}, "serviceaccount": {"name": account, "uid": "1"}}
    return {"kubernetes.io": {"namespace": namespace, **own}}


def claimed(changes: Claims) -> Callable[[Installation], str]:
    """Signed by the API server, and it says something else."""
    return lambda gateway: gateway.issuer.token(changes)


def signed(key: Any, algorithm: str, **headers: Any) -> Callable[[Installation], str]:
    """The app's claims, signed by somebody else."""

    def token(gateway: Installation) -> str:
        return jwt.encode(projected_claims(), key, algorithm, {"kid": gateway.issuer.key_id, **headers})

    return token


def raw(header: Any, payload: Any = None, signature: bytes = b"") -> Callable[[Installation], str]:
    """Made by hand; the header's `kid` is the API server's own."""

    def token(gateway: Installation) -> str:
        head = {"kid": gateway.issuer.key_id, **header} if isinstance(header, dict) else header
        parts = (orjson.dumps(head), orjson.dumps(payload or projected_claims()), signature)
        return ".".join(_base64(part) for part in parts)

    return token


def _with_public_key_as_secret(gateway: Installation) -> str:
    head = {"alg": "HS256", "typ": "JWT", "kid": gateway.issuer.key_id}
    text = f"{_base64(orjson.dumps(head))}.{_base64(orjson.dumps(projected_claims()))}"
    return f"{text}.{_base64(hmac.digest(gateway.issuer.public_pem, text.encode(), 'sha256'))}"


def _with_another_payload(gateway: Installation) -> str:
    head, _, signature = gateway.issuer.token().split(".")
    other = projected_claims() | {"sub": f"system:serviceaccount:genapps-run:{NEIGHBOUR}"}
    return f"{head}.{_base64(orjson.dumps(other | bound(NEIGHBOUR, NEIGHBOUR_UID, NEIGHBOUR)))}.{signature}"


def _with_own_key(gateway: Installation) -> str:
    own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    headers = {"kid": gateway.issuer.key_id, "jwk": public_key(own, "own"), "jku": "https://evil.example/jwks"}
    return jwt.encode(projected_claims(), own, "RS256", headers)


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")


def _replaced(gateway: Installation) -> None:
    gateway.records.changed(app_record(pod={"namespace": "genapps-run", "name": CHILD, "uid": "another"}))


def _deleted(gateway: Installation) -> None:
    gateway.records.changed(app_record(deletedAt=NOON.isoformat()))


def _forged() -> Iterator[Forgery]:
    yield Forgery("no token", TokenFault.MISSING, lambda _: "")
    yield Forgery("a word", TokenFault.MALFORMED, lambda _: "word")
    yield Forgery("dots", TokenFault.MALFORMED, lambda _: "..")
    yield Forgery("a long token", TokenFault.OVERSIZED, lambda _: "x" * (TOKEN_LIMIT + 1))
    yield Forgery("a header that is a list", TokenFault.MALFORMED, raw(["kid"]))
    yield Forgery("a header without a key id", TokenFault.MALFORMED, raw({"alg": "RS256", "kid": None}))
    yield Forgery("a key id that is a list", TokenFault.MALFORMED, raw({"alg": "RS256", "kid": ["first"]}))
    yield Forgery("another key id", TokenFault.UNKNOWN_KEY, raw({"alg": "RS256", "kid": "../../etc/passwd"}))
    for algorithm in ("none", "None", "NONE", "nOnE", "", "RS384", "PS256", "ES256", "EdDSA", "HS256"):
        title = f"the algorithm {algorithm!r}"
        yield Forgery(title, TokenFault.WRONG_ALGORITHM, raw({"alg": algorithm}, signature=b"x"))
    yield Forgery("the public key as a secret", TokenFault.WRONG_ALGORITHM, _with_public_key_as_secret)
    other = ec.generate_private_key(ec.SECP256R1())
    yield Forgery("a key of its own of another kind", TokenFault.WRONG_ALGORITHM, signed(other, "ES256"))
    yield Forgery("a key of its own, brought along", TokenFault.WRONG_SIGNATURE, _with_own_key)
    yield Forgery("no signature", TokenFault.WRONG_SIGNATURE, raw({"alg": "RS256"}))
    yield Forgery("a neighbour's claims under its own signature", TokenFault.WRONG_SIGNATURE, _with_another_payload)


def _signed() -> Iterator[Forgery]:
    now = projected_claims()["iat"]
    for audience in ("https://kubernetes.default.svc", ["genapps"], [], "", ["genapps-gateway."], None):
        fault = TokenFault.WRONG_AUDIENCE if audience else TokenFault.MALFORMED
        yield Forgery(f"the audience {audience!r}", fault, claimed({"aud": audience}))
    for issuer in ("https://evil.example", "https://kubernetes.default.svc/", "", None):
        fault = TokenFault.MALFORMED if issuer is None else TokenFault.WRONG_ISSUER
        yield Forgery(f"the issuer {issuer!r}", fault, claimed({"iss": issuer}))
    yield Forgery("a token of yesterday", TokenFault.EXPIRED, claimed({"exp": now - 86_400}))
    yield Forgery("a token that ended just now", TokenFault.EXPIRED, claimed({"exp": now}))
    yield Forgery("a token of tomorrow", TokenFault.NOT_YET_VALID, claimed({"nbf": now + 86_400}))
    for end in (None, "tomorrow", [1]):
        yield Forgery(f"the end {end!r}", TokenFault.MALFORMED, claimed({"exp": end}))
    yield Forgery("a ServiceAccount's token without a pod", TokenFault.NOT_BOUND_TO_A_POD, claimed(
        {"kubernetes.io": {"namespace": "genapps-run", "serviceaccount": {"name": CHILD, "uid": "1"}}}
    ))  # fmt: skip
    yield Forgery("a token without Kubernetes", TokenFault.NOT_BOUND_TO_A_POD, claimed({"kubernetes.io": None}))
    yield Forgery("a pod without a uid", TokenFault.NOT_BOUND_TO_A_POD, claimed(bound(uid="")))
    yield Forgery("another subject than Kubernetes says", TokenFault.MALFORMED, claimed(
        {"sub": f"system:serviceaccount:genapps-run:{NEIGHBOUR}"}
    ))  # fmt: skip


def _strangers() -> Iterator[Forgery]:
    yield Forgery("another pod with the app's account", None, claimed(bound(pod="other", uid="other")))
    yield Forgery("a pod of the same name with another uid", None, claimed(bound(uid=NEIGHBOUR_UID)))
    subject = {"sub": f"system:serviceaccount:tenant:{CHILD}"}
    yield Forgery("a pod of the same name elsewhere", None, claimed(bound(namespace="tenant") | subject))
    subject = {"sub": f"system:serviceaccount:genapps-run:{NEIGHBOUR}"}
    yield Forgery("the app's pod with a neighbour's account", None, claimed(bound(account=NEIGHBOUR) | subject))
    yield Forgery("a neighbour's name with the app's uid", None, claimed(bound(NEIGHBOUR, account=NEIGHBOUR) | subject))
    yield Forgery("a token that was used, after the pod was replaced", None, claimed({}), _replaced)
    yield Forgery("a token that was used, after the app was deleted", None, claimed({}), _deleted)


FORGERIES = (*_forged(), *_signed(), *_strangers())
