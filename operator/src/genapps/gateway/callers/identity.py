# SPDX-License-Identifier: Apache-2.0
"""Who is calling: verifies projected tokens locally against the API server's published keys.

Signature, issuer, audience and expiry are checked here, without a TokenReview per call; that the pod still is the
app's current one is for `records` to say, and makes a token void when its pod is replaced.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import jwt
import orjson
import structlog

from genapps.cluster import clocks
from genapps.cluster.errors import ApiError

TOKEN_LIMIT = 8 * 1024
"""Characters of a token; Kubernetes' own have about 1,200."""
LEEWAY_SECONDS = 5.0
REFETCH_SECONDS = 10.0
"""Keys are fetched for an unknown key id at most this often, or strangers could make us hammer the API server."""
REFRESH_SECONDS = 300.0

_KEYS_PATH = "/openid/v1/jwks"
_DISCOVERY_PATH = "/.well-known/openid-configuration"
_DOCUMENT_LIMIT = 256 * 1024
_KEY_COUNT_LIMIT = 64
_FETCH_SECONDS = 5.0
_PROOF_LIMIT = 4096
# Asymmetric ones that Kubernetes can sign with. The algorithm is the key's, never the token's choice.
_ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "ES256", "ES384", "ES512"})

_log = structlog.get_logger(__name__)


class TokenFault(StrEnum):
    """Why a token is refused; a closed set, also a label of the metrics."""

    MISSING = "missing"
    OVERSIZED = "oversized"
    MALFORMED = "malformed"
    UNKNOWN_KEY = "unknown_key"
    WRONG_ALGORITHM = "wrong_algorithm"
    WRONG_SIGNATURE = "wrong_signature"
    WRONG_ISSUER = "wrong_issuer"
    WRONG_AUDIENCE = "wrong_audience"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    NOT_BOUND_TO_A_POD = "not_bound_to_a_pod"


_FAULTS: tuple[tuple[type[jwt.InvalidTokenError], TokenFault], ...] = (
    (jwt.ExpiredSignatureError, TokenFault.EXPIRED),
    (jwt.ImmatureSignatureError, TokenFault.NOT_YET_VALID),
    (jwt.InvalidIssuerError, TokenFault.WRONG_ISSUER),
    (jwt.InvalidAudienceError, TokenFault.WRONG_AUDIENCE),
    (jwt.InvalidSignatureError, TokenFault.WRONG_SIGNATURE),
    (jwt.InvalidAlgorithmError, TokenFault.WRONG_ALGORITHM),
)


class TokenRefusedError(Exception):
    """The bearer has not proved who they are."""

    def __init__(self, fault: TokenFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


class KeysUnavailableError(Exception):
    """No keys were ever fetched: nobody can be identified now."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A pod that proved itself."""

    namespace: str
    service_account: str
    pod_name: str
    pod_uid: str


@dataclass(frozen=True, slots=True)
class Keys:
    """The API server's verification keys by key id, and the issuer it writes into tokens."""

    issuer: str
    by_id: Mapping[str, jwt.PyJWK]


class KeySource:
    """The current keys; `fetch` reads a path of the API server as text, `clock` is monotonic seconds."""

    def __init__(self, fetch: Callable[[str], Awaitable[str]], clock: Callable[[], float] = clocks.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: Keys | None = None
        self._tried_at = float("-inf")
        self._lock = asyncio.Lock()
        self.fetched = asyncio.Event()
        """Set once there are keys."""

    @property
    def current(self) -> Keys | None:
        """Another object after each fetch."""
        return self._keys

    async def having(self, key_id: str) -> Keys:
        """Keys with one of that id among them. Raises TokenRefused (unknown key) or KeysUnavailable."""
        if self._keys is None or key_id not in self._keys.by_id:
            await self._refetch(key_id)
        if self._keys is None:
            raise KeysUnavailableError
        if key_id not in self._keys.by_id:
            raise TokenRefusedError(TokenFault.UNKNOWN_KEY)
        return self._keys

    async def refresh(self) -> bool:
        """Fetch now; with a failure the last keys stay in use. True when it succeeded."""
        self._tried_at = self._clock()
        try:
            async with asyncio.timeout(_FETCH_SECONDS):
                self._keys = read_keys(await self._fetch(_DISCOVERY_PATH), await self._fetch(_KEYS_PATH))
        except (ApiError, TimeoutError, ValueError) as error:
            _log.warning("keys_not_fetched", error=type(error).__name__, detail=str(error))
            return False
        self.fetched.set()
        return True

    async def keep_fresh(self) -> None:
        """Until cancelled: keys that the API server withdrew must not be trusted forever."""
        while True:
            async with self._lock:
                await self.refresh()
            await asyncio.sleep(REFRESH_SECONDS if self.fetched.is_set() else REFETCH_SECONDS)

    async def _refetch(self, key_id: str) -> None:
        async with self._lock:
            known = self._keys is not None and key_id in self._keys.by_id
            if not known and self._clock() - self._tried_at >= REFETCH_SECONDS:
                await self.refresh()


def read_keys(discovery: str, key_set: str) -> Keys:
    """Keys from the two documents; keys of other types or uses are left out. Raises ValueError."""
    if len(discovery) > _DOCUMENT_LIMIT or len(key_set) > _DOCUMENT_LIMIT:
        raise ValueError("a discovery document is too large")
    issuer = _mapping(orjson.loads(discovery)).get("issuer")
    if not isinstance(issuer, str) or not issuer:
        raise ValueError("the discovery document names no issuer")
    entries = _mapping(orjson.loads(key_set)).get("keys")
    if not isinstance(entries, list) or len(entries) > _KEY_COUNT_LIMIT:
        raise ValueError("the key set holds no list of keys, or too many")
    by_id: dict[str, jwt.PyJWK] = {}
    for entry in entries:
        key = _key(entry)
        if key is not None and key.key_id:
            by_id[key.key_id] = key
    return Keys(issuer, by_id)


def _key(entry: object) -> jwt.PyJWK | None:
    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig" or entry.get("kty") not in ("RSA", "EC"):
        return None
    try:
        key = jwt.PyJWK(entry)
    except jwt.PyJWTError:
        return None
    return key if key.algorithm_name in _ALGORITHMS else None


@dataclass(frozen=True, slots=True)
class _Proof:
    """What one token proved, and under which keys."""

    caller: Caller
    expires: float
    keys: Keys


class Identities:
    """Verifies bearer tokens for one audience; `now` is seconds since the epoch.

    A pod sends the same token for minutes: what it proved is kept until it expires or keys are fetched again."""

    def __init__(self, keys: KeySource, audience: str, now: Callable[[], float] = clocks.unix_time) -> None:
        self._keys = keys
        self._audience = audience
        self._now = now
        self._proofs: dict[bytes, _Proof] = {}

    async def identify(self, authorization: str | None) -> Caller:
        """The caller behind an `Authorization` header. Raises TokenRefused or KeysUnavailable."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise TokenRefusedError(TokenFault.MISSING)
        if len(token) > TOKEN_LIMIT:
            raise TokenRefusedError(TokenFault.OVERSIZED)
        # Not the token itself: a process should hold no more bearer tokens than it must.
        digest = hashlib.sha256(token.encode()).digest()
        proof = self._proofs.get(digest)
        if proof is None or proof.keys is not self._keys.current or self._ended(proof.expires):
            proof = await self._prove(token)
            self._proofs[digest] = proof
            if len(self._proofs) > _PROOF_LIMIT:
                del self._proofs[next(iter(self._proofs))]
        return proof.caller

    async def _prove(self, token: str) -> _Proof:
        key_id = _key_id(token)
        keys = await self._keys.having(key_id)
        claims = self._claims(token, keys.by_id[key_id], keys.issuer)
        return _Proof(_caller(claims), claims["exp"], keys)

    def _claims(self, token: str, key: jwt.PyJWK, issuer: str) -> Mapping[str, Any]:
        try:
            claims: Mapping[str, Any] = jwt.decode(
                token,
                key=key,
                algorithms=[key.algorithm_name],
                audience=self._audience,
                issuer=issuer,
                # Times are checked below against our own clock.
                options={
                    "require": ["exp", "iat", "iss", "aud", "sub"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.InvalidTokenError as error:
            raise TokenRefusedError(_fault(error)) from error
        self._check_times(claims)
        return claims

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        times = [claims["exp"], claims.get("nbf", claims["iat"])]
        if not all(isinstance(value, (int, float)) for value in times):
            raise TokenRefusedError(TokenFault.MALFORMED)
        expires, starts = times
        if self._ended(expires):
            raise TokenRefusedError(TokenFault.EXPIRED)
        if starts - LEEWAY_SECONDS > self._now():
            raise TokenRefusedError(TokenFault.NOT_YET_VALID)

    def _ended(self, expires: float) -> bool:
        return expires + LEEWAY_SECONDS <= self._now()


def _key_id(token: str) -> str:
    try:
        key_id = jwt.get_unverified_header(token).get("kid")
    except jwt.InvalidTokenError as error:
        raise TokenRefusedError(TokenFault.MALFORMED) from error
    if not isinstance(key_id, str):
        raise TokenRefusedError(TokenFault.MALFORMED)
    return key_id


def _fault(error: jwt.InvalidTokenError) -> TokenFault:
    return next((fault for kind, fault in _FAULTS if isinstance(error, kind)), TokenFault.MALFORMED)


def _caller(claims: Mapping[str, Any]) -> Caller:
    """From the claims Kubernetes writes into a token that is bound to a pod."""
    bound = _mapping(claims.get("kubernetes.io"))
    pod, account = _mapping(bound.get("pod")), _mapping(bound.get("serviceaccount"))
    values = (bound.get("namespace"), account.get("name"), pod.get("name"), pod.get("uid"))
    namespace, service_account, pod_name, pod_uid = (value if isinstance(value, str) else "" for value in values)
    caller = Caller(namespace, service_account, pod_name, pod_uid)
    if not (namespace and service_account and pod_name and pod_uid):
        raise TokenRefusedError(TokenFault.NOT_BOUND_TO_A_POD)
    if claims["sub"] != f"system:serviceaccount:{namespace}:{service_account}":
        raise TokenRefusedError(TokenFault.MALFORMED)
    return caller


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
