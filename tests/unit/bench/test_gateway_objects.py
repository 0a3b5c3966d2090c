# SPDX-License-Identifier: Apache-2.0
"""What the measured gateway is given is what a gateway calls: else it would measure refusals."""

from bench.gateway.objects import CALLED, CONNECTOR, REUSED, addresses, caller, connector, record
from genapps.gateway.callers.records import Records
from genapps.gateway.catalogue import Catalogue, ServiceAddresses, target


def test_the_measured_connector_can_be_called_by_the_measured_apps() -> None:
    catalogue, services, records = Catalogue(), ServiceAddresses(), Records(on_gone=lambda _: None)
    catalogue.changed(connector())
    services.changed(addresses(8000))
    records.changed(record(7))
    offer, app = catalogue.find(CONNECTOR), records.find(caller(7))
    assert offer is not None
    assert app is not None
    assert (offer.unusable, set(offer.tools)) == ("", {CALLED, REUSED})
    assert offer.granted_to(app.record.app.namespace)
    found = target(offer, services)
    assert found is not None
    assert (found.port, found.addresses) == (8000, ("127.0.0.1",))
