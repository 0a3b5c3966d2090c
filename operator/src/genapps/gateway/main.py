# SPDX-License-Identifier: Apache-2.0
"""The gateway's process: four listeners (calls, the canary, the keys of step tokens, health) around one application.

Nothing listens for calls before records, keys and ledgers were read: a gateway that knows nothing would refuse
everybody, and one that forgot its counts would admit too many."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import Coroutine
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any

import structlog
import uvloop

from genapps import logs
from genapps.api import names
from genapps.cluster import clocks
from genapps.cluster.client import Client, ClientOptions
from genapps.cluster.connection import connect
from genapps.cluster.errors import ApiError, UnavailableError
from genapps.cluster.resources import APP_RECORD, BUDGET_RECORD, CONFIG_MAP, CONNECTOR, ENDPOINT_SLICE, LEDGER, SECRET
from genapps.environment import SettingsError
from genapps.gateway.app import REPORT_BURST, REPORTS_PER_MINUTE, GatewayApp, Parts
from genapps.gateway.budgets.blocked import BlockedConnectors
from genapps.gateway.budgets.credit import Credits
from genapps.gateway.budgets.envelopes import Envelopes
from genapps.gateway.budgets.payments import Payments
from genapps.gateway.budgets.spending import Spending
from genapps.gateway.callers.identity import Identities, KeySource
from genapps.gateway.callers.issuers import Fetch, Issuers, https_documents
from genapps.gateway.callers.records import Records
from genapps.gateway.callers.token_keys import TokenKeyDelivery
from genapps.gateway.calls import Calls
from genapps.gateway.catalogue import Catalogue, ServiceAddresses
from genapps.gateway.connectors.exchanger import Exchanger
from genapps.gateway.contracts.stored import StoredContracts
from genapps.gateway.credentials.attach import SecretCredentials
from genapps.gateway.credentials.oauth import OAuthTokens
from genapps.gateway.credentials.secrets import Secrets
from genapps.gateway.egress.dialling import client_tls
from genapps.gateway.egress.upstream import Upstream
from genapps.gateway.freshness import Freshness, fresh_watch
from genapps.gateway.health import HealthApp
from genapps.gateway.heap import keep_all
from genapps.gateway.ledgers.breakers import Breakers
from genapps.gateway.ledgers.connector_ledger import ConnectorLedgers
from genapps.gateway.ledgers.ledger import Ledgers
from genapps.gateway.ledgers.rounds import in_rounds
from genapps.gateway.ledgers.sinks import Sinks
from genapps.gateway.ledgers.slow_ledger import SlowLedgers
from genapps.gateway.limits.breaker import BreakerState
from genapps.gateway.limits.permits import Permits
from genapps.gateway.limits.rates import Rates
from genapps.gateway.listeners import DRAIN_SECONDS, canary, listener
from genapps.gateway.metrics import Metrics
from genapps.gateway.settings import Settings
from genapps.gateway.step_tokens.keys import KeyRing
from genapps.gateway.step_tokens.minting import StepTokens
from genapps.gateway.step_tokens.published import PublishedKeys
from genapps.gateway.step_tokens.store import StepTokenKeys
from genapps.gateway.tls import trust
from genapps.gateway.tls.certificates import AuthorityError
from genapps.gateway.tls.provided import ProvidedCertificate

_RETRY_SECONDS = 1.0
_LAST_SECONDS = 10
"""Of the grace period, for what remains when all calls are answered."""
_KEY_READERS = 64
"""Connections of verifiers at once: they must not take the process from those who call."""
_CLIENT = ClientOptions(read_seconds=10.0)
"""A read that gets no answer is tried on another connection before what is known has become too old."""

_log = structlog.get_logger(__name__)


class Gateway:
    """Everything of one process, wired; `run` serves until `stop` is set."""

    def __init__(self, configured: Settings, client: Client, serving: trust.Serving, fetch: Fetch) -> None:
        self._settings = configured
        self._serving = serving
        self._metrics = Metrics()
        self._keys = KeySource(client.get_text)
        self._ledgers = Ledgers(client, configured.system_namespace, self._metrics)
        self._slow_ledgers = SlowLedgers(client, configured.system_namespace, self._metrics)
        self._breakers = Breakers(client, configured.system_namespace, self._metrics)
        self._records = Records(on_gone=self._forget)
        services, credentials_found, contracts = ServiceAddresses(), Secrets(), StoredContracts()
        system = configured.system_namespace
        self._upstream = Upstream(configured.ranges, client_tls(configured.connector_ca), configured.proxy)
        self._step_keys = StepTokenKeys(client, system)
        credentials = SecretCredentials(credentials_found, OAuthTokens(self._upstream))
        exchanger = Exchanger(services, self._upstream, credentials, StepTokens(self._ring))
        permits, envelopes, blocked = Permits(), Envelopes(), BlockedConnectors()
        holder = f"{configured.pod}/{secrets.token_hex(4)}"
        self._spending = Spending(client, system, self._metrics, envelopes.find, holder)
        payments = Payments(self._spending, blocked, self._metrics)
        self._credits = Credits(payments)
        calls = Calls(exchanger, permits, payments, self._metrics)
        catalogue = Catalogue(on_gone=calls.forget)
        ledger_sinks = Sinks(self._ledgers, self._slow_ledgers, self._spending, blocked)
        self._watches = {
            "records": fresh_watch(client, APP_RECORD, self._records, namespace=system),
            "budgets": fresh_watch(client, BUDGET_RECORD, envelopes, namespace=system),
            "ledgers": fresh_watch(client, LEDGER, ledger_sinks, namespace=system),
            "connectors": fresh_watch(client, CONNECTOR, catalogue),
            "contracts": fresh_watch(client, CONFIG_MAP, contracts, namespace=system, selector=names.LABEL_CONTRACT),
            "services": fresh_watch(client, ENDPOINT_SLICE, services, namespace=system, selector=names.LABEL_CONNECTOR),
        }
        self._watches["credentials"] = fresh_watch(
            client,
            SECRET,
            credentials_found,
            namespace=configured.credentials_namespace,
            selector=names.LABEL_CREDENTIAL_FOR,
        )
        self._freshness = Freshness(self._watches, configured.max_stale_seconds)
        self._connector_ledgers = ConnectorLedgers(
            client,
            system,
            self._metrics,
            calls.tallies,
            is_open=lambda name: permits.state(name) is not BreakerState.CLOSED,
            known=lambda name: catalogue.find(name) is not None,
            blocked=blocked,
        )
        self._issuers = Issuers(self._records.issuers, fetch)
        self._app = GatewayApp(
            Parts(
                identities=Identities(self._keys, names.TOKEN_AUDIENCE),
                records=self._records,
                catalogue=catalogue,
                contracts=contracts,
                ledgers=self._ledgers,
                slow_ledgers=self._slow_ledgers,
                breakers=self._breakers,
                calls=calls,
                credits=self._credits,
                token_keys=TokenKeyDelivery(self._keys, self._issuers.current),
                report_rates=Rates(REPORTS_PER_MINUTE, REPORT_BURST),
                metrics=self._metrics,
                stale=self._freshness.stale,
            )
        )
        finish = configured.grace_seconds - int(DRAIN_SECONDS) - _LAST_SECONDS
        self._calls = listener(self._app, configured.call_port, serving.context, finish)
        self._health = listener(HealthApp(self.waiting_for, self._metrics), configured.health_port)
        self._published = listener(
            PublishedKeys(self._ring), configured.step_token_keys_port, serving.context, connections=_KEY_READERS
        )
        self._metrics.records.set_function(lambda: len(self._records))
        self._metrics.max_stale.set(configured.max_stale_seconds)
        for name in self._watches:
            self._metrics.watch_age.labels(name).set_function(partial(self._freshness.age, name))
        self._metrics.certificate_expiry.set_function(lambda: serving.expires_at.timestamp())

    def waiting_for(self) -> tuple[str, ...]:
        """What is missing before calls can be answered."""
        states = {
            **{name: watch.synced.is_set() for name, watch in self._watches.items()},
            "keys": self._keys.fetched.is_set(),
            "listener": self._calls.started and not self._app.draining,
        }
        return tuple(name for name, there in states.items() if not there)

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; then what runs is answered. Raises when a part of it fails. Counts are flushed either
        way."""
        try:
            async with asyncio.TaskGroup() as group:
                await self._serve(group, stop)
        finally:
            await self._ledgers.stop()
            await self._slow_ledgers.stop()
            await asyncio.gather(self._breakers.stop(), self._connector_ledgers.stop(), self._spending.stop())
            self._upstream.close()

    async def _serve(self, group: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        endless: tuple[Coroutine[Any, Any, None], ...] = (
            self._health.serve(),
            *(watch.run() for watch in self._watches.values()),
            self._published.serve(),
            self._keys.keep_fresh(),
            self._step_keys.keep_fresh(),
            self._issuers.keep_fresh(),
            self._ledgers.keep_flushed(),
            in_rounds(self._slow_ledgers.write),
            in_rounds(self._breakers.write),
            in_rounds(self._connector_ledgers.write),
            in_rounds(self._spending.write, self._spending.urgent),
            self._serving.keep_renewed(),
        )
        background = [group.create_task(part) for part in endless]
        calls = group.create_task(self._answer_calls())
        await stop.wait()
        self._app.draining = True
        if self._calls.started:
            await self._calls.drain()
        else:
            calls.cancel()
        await asyncio.wait([calls])
        for task in background:
            task.cancel()

    def _ring(self) -> KeyRing | None:
        return self._step_keys.ring

    def _forget(self, child: str) -> None:
        self._ledgers.forget(child)
        self._slow_ledgers.forget(child)
        self._breakers.forget(child)
        self._spending.forget(child)
        self._credits.forget(child)

    async def _answer_calls(self) -> None:
        for watch in self._watches.values():
            await watch.synced.wait()
        await self._keys.fetched.wait()
        await self._step_keys.tried.wait()
        await self._serving.until_trusted()
        keep_all()
        async with await canary(self._settings.canary_port):
            _log.info("serving", port=self._settings.call_port, records=len(self._records))
            await self._calls.serve()


async def _main(configured: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with (
        Client(connect(os.environ), names.GATEWAY_FIELD_MANAGER, _CLIENT) as client,
        https_documents(configured.issuer_ca) as fetch,
    ):
        serving = await _identity(configured, client, stop)
        if serving is not None:
            await Gateway(configured, client, serving, fetch).run(stop)


async def _identity(configured: Settings, client: Client, stop: asyncio.Event) -> trust.Serving | None:
    """Waits for an API server that does not answer: to end and be started again would only take longer. None: stopped
    meanwhile."""
    while not stop.is_set():
        try:
            return await _certificate(configured, client, clocks.utc_now())
        except UnavailableError as error:
            _log.warning("api_server_unavailable", error=str(error))
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _RETRY_SECONDS)
    return None


async def _certificate(configured: Settings, client: Client, now: datetime) -> trust.Serving:
    namespace, host = configured.system_namespace, configured.host
    if configured.tls_secret:
        return await ProvidedCertificate.obtain(client, namespace, configured.tls_secret, host, now)
    authority = await trust.obtain_authority(client, namespace, host, now)
    await trust.publish(client, namespace, authority.certificate.decode("ascii"))
    return trust.ServingCertificate(authority, host, now)


def run() -> None:
    """Entry point of `genapps gateway`. Exits with 1 and one line of text when it cannot start."""
    try:
        configured = Settings.from_environ(os.environ)
        logs.configure(configured.log_level)
        uvloop.run(_main(configured))
    except (SettingsError, ApiError, AuthorityError) as error:
        sys.exit(f"genapps gateway: {error}")
