# SPDX-License-Identifier: Apache-2.0
"""The gateway as a process: everything of `genapps.gateway.main` but the API server and its watches.

`python -m bench.gateway.served PORT UPSTREAM FOLDER LEVEL`: key, certificate and key set are in the folder.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import uvloop

from bench.gateway.objects import APPS, BUDGET, MODEL, addresses, budget, connector, model, record
from genapps import logs
from genapps.api.names import SYSTEM_NAMESPACE, TOKEN_AUDIENCE
from genapps.cluster.client import Listing
from genapps.cluster.errors import UnavailableError
from genapps.cluster.resources import Resource
from genapps.gateway.app import REPORT_BURST, REPORTS_PER_MINUTE, GatewayApp, Parts
from genapps.gateway.budgets.blocked import BlockedConnectors
from genapps.gateway.budgets.credit import Credits
from genapps.gateway.budgets.payments import Payments
from genapps.gateway.budgets.spending import Spending
from genapps.gateway.callers.identity import Identities, KeySource
from genapps.gateway.callers.records import Records
from genapps.gateway.callers.token_keys import TokenKeyDelivery
from genapps.gateway.calls import Calls
from genapps.gateway.catalogue import Catalogue, ServiceAddresses
from genapps.gateway.connectors.exchanger import Exchanger
from genapps.gateway.contracts.stored import StoredContracts
from genapps.gateway.credentials.attach import SecretCredentials
from genapps.gateway.credentials.oauth import OAuthTokens
from genapps.gateway.credentials.secrets import Secrets
from genapps.gateway.egress.addresses import Ranges
from genapps.gateway.egress.dialling import client_tls
from genapps.gateway.egress.upstream import Upstream
from genapps.gateway.ledgers.breakers import Breakers
from genapps.gateway.ledgers.ledger import Ledgers
from genapps.gateway.ledgers.slow_ledger import SlowLedgers
from genapps.gateway.limits.permits import Permits
from genapps.gateway.limits.rates import Rates
from genapps.gateway.listeners import listener
from genapps.gateway.metrics import Metrics
from genapps.gateway.step_tokens.minting import StepTokens
from genapps.gateway.tls.trust import server_context

KEY_SET, DISCOVERY, CHAIN = "jwks.json", "discovery.json", "gateway.pem"


class HereRanges(Ranges):
    """This host is a pod."""

    def admits_pod(self, address: str) -> bool:
        """Everything else as it is."""
        return address == "127.0.0.1" or super().admits_pod(address)


class NoObjects:
    """An API server that is never asked: no call of a measurement is a violation."""

    async def get(self, resource: Resource, namespace: str | None, name: str) -> NoReturn:
        """Raises UnavailableError."""
        raise UnavailableError(0, "NoAnswer", "there is no API server")

    async def list(self, resource: Resource, namespace: str | None = None, *, at_least: str | None = "0") -> Listing:
        """Raises UnavailableError."""
        raise UnavailableError(0, "NoAnswer", "there is no API server")

    async def create(self, manifest: Mapping[str, Any]) -> NoReturn:
        """Raises UnavailableError."""
        raise UnavailableError(0, "NoAnswer", "there is no API server")

    async def apply(self, manifest: Mapping[str, Any]) -> NoReturn:
        """Raises UnavailableError."""
        raise UnavailableError(0, "NoAnswer", "there is no API server")


def gateway(folder: Path, upstream_port: int) -> GatewayApp:
    """The application with its records, connector and keys."""
    objects, metrics = NoObjects(), Metrics()

    async def fetch(path: str) -> str:
        return (folder / (KEY_SET if path.endswith("jwks") else DISCOVERY)).read_text()

    keys, catalogue, services = KeySource(fetch), Catalogue(), ServiceAddresses()
    ledgers = Ledgers(objects, SYSTEM_NAMESPACE, metrics)
    records = Records(on_gone=ledgers.forget)
    records.listed([record(number) for number in range(APPS)], "1")
    catalogue.listed([connector(), model()], "1")
    services.listed([addresses(upstream_port), addresses(upstream_port, MODEL)], "1")
    upstream = Upstream(HereRanges(), client_tls(None))
    credentials = SecretCredentials(Secrets(), OAuthTokens(upstream))
    spending = Spending(objects, SYSTEM_NAMESPACE, metrics, {BUDGET: budget()}.get, "gateway/0")
    payments = Payments(spending, BlockedConnectors(), metrics)
    exchanger = Exchanger(services, upstream, credentials, StepTokens(lambda: None))
    return GatewayApp(
        Parts(
            identities=Identities(keys, TOKEN_AUDIENCE),
            records=records,
            catalogue=catalogue,
            contracts=StoredContracts(),
            ledgers=ledgers,
            slow_ledgers=SlowLedgers(objects, SYSTEM_NAMESPACE, metrics),
            breakers=Breakers(objects, SYSTEM_NAMESPACE, metrics),
            calls=Calls(exchanger, Permits(), payments, metrics),
            credits=Credits(payments),
            token_keys=TokenKeyDelivery(keys, lambda _: None),
            report_rates=Rates(REPORTS_PER_MINUTE, REPORT_BURST),
            metrics=metrics,
            stale=lambda: False,
        )
    )


async def _serve(folder: Path, port: int, upstream_port: int) -> None:
    tls = server_context()
    tls.load_cert_chain(folder / CHAIN)
    await listener(gateway(folder, upstream_port), port, tls).serve()


def main() -> None:
    """Serve until the process is ended."""
    port, upstream_port, folder, level = sys.argv[1:]
    logs.configure(level)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(Path(folder), int(port), int(upstream_port)))


if __name__ == "__main__":
    main()
