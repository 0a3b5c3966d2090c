# SPDX-License-Identifier: Apache-2.0
"""A small world for the gateway's tests: a store with the API server's rules for writes, an issuer, an app."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from genapps.api.apprecord import AppRecord
from genapps.api.names import TOKEN_AUDIENCE
from genapps.cluster import clocks
from genapps.cluster.client import Listing
from genapps.cluster.errors import ConflictError, NotFoundError, UnavailableError
from genapps.cluster.resources import BY_KIND, Resource
from genapps.cluster.watch import Sink
from genapps.core.budgets.amounts import UNLIMITED, Limits
from genapps.gateway.app import REPORT_BURST, REPORTS_PER_MINUTE, GatewayApp, Parts
from genapps.gateway.budgets.blocked import BlockedConnectors
from genapps.gateway.budgets.credit import Credits
from genapps.gateway.budgets.envelope import Envelope
from genapps.gateway.budgets.payments import Payments
from genapps.gateway.budgets.spending import Spending
from genapps.gateway.callers.identity import Identities, Keys, KeySource
from genapps.gateway.callers.records import App, Records
from genapps.gateway.callers.token_keys import TokenKeyDelivery
from genapps.gateway.calls import Calls
from genapps.gateway.catalogue import Catalogue, ServiceAddresses
from genapps.gateway.connectors.exchanger import Exchanger
from genapps.gateway.contracts.stored import StoredContracts
from genapps.gateway.credentials.attach import SecretCredentials
from genapps.gateway.credentials.oauth import OAuthTokens
from genapps.gateway.credentials.secrets import Secrets
from genapps.gateway.ledgers.breakers import Breakers
from genapps.gateway.ledgers.ledger import Ledgers
from genapps.gateway.ledgers.slow_ledger import SlowLedgers
from genapps.gateway.limits.permits import Permits
from genapps.gateway.limits.rates import Rates
from genapps.gateway.metrics import Metrics
from genapps.gateway.step_tokens.minting import StepTokens
from genapps.gateway.step_tokens.store import StepTokenKeys
from tests.unit.gateway.outside import Upstream

NAMESPACE = "genapps-system"
CHILD = "finance-converter-0123456789abcdef"
POD_UID = "7d0b4c1c-4f5a-4a36-8f6f-5d1c1b6f0a01"
ISSUER = "https://kubernetes.default.svc"
NOON = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


class Store:
    """Objects in memory: first creation wins, applies compare resource versions, `down` makes everything fail."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str | None, str], dict[str, Any]] = {}
        self.down = False
        self.lose_answers = False
        """Writes happen, but nobody hears of it."""
        self.writes = 0
        self.sinks: list[Sink] = []
        """Watches of Ledgers."""
        self.events: list[tuple[str, dict[str, Any]]] = []
        """What `deliver` tells them."""
        self._version = 100
        self._created: set[tuple[str, str | None, str]] = set()

    async def get(self, resource: Resource, namespace: str | None, name: str) -> dict[str, Any]:
        await self._answer()
        try:
            return deepcopy(self.objects[resource.kind, namespace, name])
        except KeyError:
            raise NotFoundError(404, "NotFound", name) from None

    async def list(self, resource: Resource, namespace: str | None = None, *, at_least: str | None = "0") -> Listing:
        await self._answer()
        found = [
            value for (kind, place, _), value in self.objects.items() if (kind, place) == (resource.kind, namespace)
        ]
        return Listing(deepcopy(found), str(self._version))

    async def create(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        await self._answer()
        if _key(manifest) in self.objects:
            raise ConflictError(409, "AlreadyExists", "exists")
        self._created.add(_key(manifest))
        return self._store(manifest)

    async def apply(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        await self._answer()
        wanted = manifest["metadata"].get("resourceVersion")
        live = self.objects.get(_key(manifest))
        if wanted is not None and (live is None or live["metadata"]["resourceVersion"] != wanted):
            raise ConflictError(409, "Conflict", "changed meanwhile")
        # An apply owns nothing of what a create wrote, and so removes nothing of it.
        return self._store(_merged(live, manifest) if live and _key(manifest) in self._created else manifest)

    def ledger(self, child: str = CHILD) -> dict[str, Any]:
        violations: dict[str, Any] = self.objects["Ledger", NAMESPACE, child]["record"]["violations"]
        return violations

    def touch(self, kind: str, name: str) -> None:
        """Another writer changed something else in the object."""
        self._version += 1
        self.objects[kind, NAMESPACE, name]["metadata"]["resourceVersion"] = str(self._version)

    def remove(self, name: str = CHILD) -> None:
        """Somebody deleted a Ledger."""
        self._version += 1
        gone = self.objects.pop(("Ledger", NAMESPACE, name))
        gone["metadata"]["resourceVersion"] = str(self._version)
        self.events.append(("deleted", gone))

    def follow(self, sink: Sink) -> None:
        """A watch begins: it lists, and hears of what changes when `deliver` is called."""
        ledgers = [value for (kind, _, _), value in self.objects.items() if kind == "Ledger"]
        sink.listed(deepcopy(ledgers), str(self._version))
        self.sinks.append(sink)

    def deliver(self) -> None:
        """The watches hear of all that has changed."""
        events, self.events = self.events, []
        for verb, object_ in events:
            for sink in self.sinks:
                getattr(sink, verb)(deepcopy(object_))

    async def _answer(self) -> None:
        await asyncio.sleep(0)  # others get their turn, as with a real request
        if self.down:
            raise UnavailableError(0, "NoAnswer", "connection refused")

    def _store(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        self._version += 1
        self.writes += 1
        stored = deepcopy(dict(manifest))
        stored["metadata"] = {**stored["metadata"], "resourceVersion": str(self._version)}
        self.objects[_key(manifest)] = stored
        if stored["kind"] == "Ledger":
            self.events.append(("changed", deepcopy(stored)))
        if self.lose_answers:
            raise UnavailableError(0, "NoAnswer", "connection reset")
        return deepcopy(stored)


def _merged(live: Mapping[str, Any], applied: Mapping[str, Any]) -> dict[str, Any]:
    both = [name for name in applied if isinstance(live.get(name), dict) and isinstance(applied[name], dict)]
    return {**live, **applied, **{name: _merged(live[name], applied[name]) for name in both}}


def _key(manifest: Mapping[str, Any]) -> tuple[str, str | None, str]:
    return BY_KIND[manifest["kind"]].kind, manifest["metadata"].get("namespace"), manifest["metadata"]["name"]


class Issuer:
    """An API server's token side: signs tokens, publishes keys, counts how often they are asked for."""

    def __init__(self, key_id: str = "first") -> None:
        self.key_id = key_id
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.published = [public_key(self.key, key_id)]
        self.fetches = 0
        self.down = False

    async def fetch(self, path: str) -> str:
        if self.down:
            raise UnavailableError(0, "NoAnswer", "connection refused")
        if path.endswith("jwks"):
            self.fetches += 1
            return orjson.dumps({"keys": self.published}).decode()
        return orjson.dumps({"issuer": ISSUER}).decode()

    def token(self, changes: Mapping[str, Any] | None = None, **headers: str) -> str:
        """A projected token of the app's pod; `changes` replace claims (None removes one)."""
        claims = projected_claims() | dict(changes or {})
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(claims, self.key, algorithm="RS256", headers={"kid": self.key_id, **headers})

    @property
    def public_pem(self) -> bytes:
        encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        return self.key.public_key().public_bytes(encoding, form)


def public_key(key: rsa.RSAPrivateKey, key_id: str) -> dict[str, Any]:
    """A key as the API server publishes it."""
    published: dict[str, Any] = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return published | {"kid": key_id, "alg": "RS256", "use": "sig"}


def projected_claims() -> dict[str, Any]:
    now = time.time()
    return {
        "iss": ISSUER,
        "aud": [TOKEN_AUDIENCE],
        "sub": f"system:serviceaccount:genapps-run:{CHILD}",
        "iat": now - 10,
        "nbf": now - 10,
        "exp": now + 590,
        "kubernetes.io": {
            "namespace": "genapps-run",
            "pod": {"name": CHILD, "uid": POD_UID},
            "serviceaccount": {"name": CHILD, "uid": "44d2d0a5-8f1f-4d2b-9c54-1f0a5b7c0e02"},
        },
    }


def app_record(**changes: Any) -> dict[str, Any]:
    """An AppRecord as the watch delivers it; `changes` replace members of `record` (None removes one)."""
    record = {
        "app": {"namespace": "finance", "name": "converter", "uid": "c0ffee"},
        "namespaceUid": "0ddba11",
        "owner": {"team": "finance-tools"},
        "budget": "finance",
        "runNamespace": "genapps-run",
        "tier": {"name": "small", "toolCallsPerAction": 2},
        "violationPolicy": {"threshold": 3, "window": "10m"},
        "envelope": {"digest": "sha256:" + "a" * 64, "connectors": ["fx-rates", "mail"]},
        "pod": {"namespace": "genapps-run", "name": CHILD, "uid": POD_UID},
    } | changes
    record = {name: value for name, value in record.items() if value is not None}
    return {"metadata": {"name": CHILD, "namespace": NAMESPACE, "resourceVersion": "7"}, "record": record}


def envelope(limits: Limits = UNLIMITED, **changes: Any) -> Envelope:
    """The budget of the app, until the first of December."""
    given: dict[str, Any] = {
        "budget": "finance",
        "period": "2026-11",
        "ends_at": NOON + timedelta(days=8),
        "enforced": True,
    }
    return Envelope(limits=limits, **(given | changes))


def app(**changes: Any) -> App:
    """The app of `app_record`."""
    return App(CHILD, AppRecord.model_validate(app_record(**changes)).record)


@dataclass
class Clock:
    """A clock that stands until it is told to move."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass
class Reply:
    """What came back from the ASGI application."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return orjson.loads(self.body)


@dataclass
class Installation:
    """A gateway with everything around it, driven without sockets."""

    issuer: Issuer
    store: Store = field(default_factory=Store)
    clock: Clock = field(default_factory=Clock)
    metrics: Metrics = field(default_factory=Metrics)

    def __post_init__(self) -> None:
        self.of_issuers: dict[str, Keys] = {}
        self.stale = False
        self.keys = KeySource(self.issuer.fetch)
        self.ledgers = Ledgers(self.store, NAMESPACE, self.metrics, self.clock)
        self.slow_ledgers = SlowLedgers(
            self.store, NAMESPACE, self.metrics, self.clock, monotonic=lambda: self.clock.now.timestamp()
        )
        self.breakers = Breakers(
            self.store, NAMESPACE, self.metrics, self.clock, monotonic=lambda: self.clock.now.timestamp()
        )
        self.records = Records(on_gone=self.ledgers.forget)
        self.records.listed([app_record()], "7")
        self.services, self.upstream = ServiceAddresses(), Upstream()
        self.permits = Permits(clock=lambda: self.clock.now.timestamp())
        self.secrets = Secrets()
        self.tokens = OAuthTokens(self.upstream, clock=lambda: self.clock.now.timestamp())
        credentials = SecretCredentials(self.secrets, self.tokens)
        self.step_keys = StepTokenKeys(self.store, NAMESPACE, clock=lambda: self.clock.now.timestamp())
        step_tokens = StepTokens(lambda: self.step_keys.ring, clock=lambda: self.clock.now.timestamp())
        self.exchanger = Exchanger(self.services, self.upstream, credentials, step_tokens)
        self.envelopes = {"finance": envelope()}
        self.spending = Spending(
            self.store,
            NAMESPACE,
            self.metrics,
            self.envelopes.get,
            holder="gateway-0/1",
            clock=self.clock,
            monotonic=lambda: self.clock.now.timestamp(),
        )
        self.blocked = BlockedConnectors(self.clock)
        self.payments = Payments(self.spending, self.blocked, self.metrics, self.clock)
        calls = Calls(self.exchanger, self.permits, self.payments, self.metrics, lambda: clocks.monotonic())
        self.contracts = StoredContracts()
        self.catalogue = Catalogue(on_gone=calls.forget)
        self.parts = Parts(
            identities=Identities(self.keys, TOKEN_AUDIENCE),
            records=self.records,
            catalogue=self.catalogue,
            contracts=self.contracts,
            ledgers=self.ledgers,
            slow_ledgers=self.slow_ledgers,
            breakers=self.breakers,
            calls=calls,
            credits=Credits(self.payments, clock=lambda: self.clock.now.timestamp()),
            token_keys=TokenKeyDelivery(self.keys, self.of_issuers.get),
            report_rates=Rates(REPORTS_PER_MINUTE, REPORT_BURST, clock=lambda: self.clock.now.timestamp()),
            metrics=self.metrics,
            stale=lambda: self.stale,
        )
        self.app = GatewayApp(self.parts)

    async def post(
        self,
        path: str,
        content: Any,
        *,
        token: str | None = None,
        headers: tuple[tuple[bytes, bytes], ...] = (),
        method: str = "POST",
        gone: asyncio.Event | None = None,
    ) -> Reply:
        """Sends JSON (or bytes as they are) with the app's own token, unless another one is given."""
        body = content if isinstance(content, bytes) else orjson.dumps(content)
        bearer = f"Bearer {self.issuer.token() if token is None else token}".encode("latin-1")
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "headers": [(b"authorization", bearer), *headers],
        }
        incoming = [{"type": "http.request", "body": body[:100], "more_body": True}]
        incoming += [{"type": "http.request", "body": body[100:], "more_body": False}]
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if incoming:
                return incoming.pop(0)
            await (gone or asyncio.Event()).wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        head, *tails = sent
        shown = {name.decode(): value.decode() for name, value in head["headers"]}
        return Reply(head["status"], shown, b"".join(tail["body"] for tail in tails))

    async def call(self, connector: str = "payroll", request_id: str = "r1", step: int = 0) -> Reply:
        content = {"requestId": request_id, "step": step, "connector": connector, "tool": "get", "arguments": {}}
        return await self.post("/v1/calls", content)
