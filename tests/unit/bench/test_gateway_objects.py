# SPDX-License-Identifier: Apache-2.0
"""What the measured gateway is given is what a gateway calls: else it would measure refusals."""

import orjson
import pytest

from bench.gateway import model_upstream
from bench.gateway.model_upstream import ANSWER, PIECES, STREAM
from bench.gateway.objects import CALLED, CONNECTOR, MODEL, REUSED, addresses, caller, connector, model, record
from bench.load.response import take
from genapps.gateway.callers.records import Records
from genapps.gateway.catalogue import Catalogue, ServiceAddresses, target


def test_the_measured_connector_can_be_called_by_the_measured_apps() -> None:
    catalogue, services, records = Catalogue(), ServiceAddresses(), Records(on_gone=lambda _: None)
    catalogue.changed(connector())
    catalogue.changed(model())
    services.changed(addresses(8000))
    services.changed(addresses(8001, MODEL))
    records.changed(record(7))
    offer, app = catalogue.find(CONNECTOR), records.find(caller(7))
    assert offer is not None
    assert app is not None
    assert (offer.unusable, set(offer.tools)) == ("", {CALLED, REUSED})
    assert offer.granted_to(app.record.app.namespace)
    found = target(offer, services)
    assert found is not None
    assert (found.port, found.addresses) == (8000, ("127.0.0.1",))
    offer = catalogue.find(MODEL)
    assert offer is not None
    assert offer.tools["chat"].streamed is not None
    assert offer.granted_to(app.record.app.namespace)
    assert {CONNECTOR, MODEL} <= set(app.record.envelope.connectors)
    found = target(offer, services)
    assert found is not None
    assert found.port == 8001


def test_the_canned_server_says_the_same_whole_and_in_pieces() -> None:
    whole, pieces = take(ANSWER), take(b"".join(STREAM))
    assert whole is not None
    assert pieces is not None
    said = orjson.loads(whole.body)["choices"][0]["message"]["content"]
    events = [event.removeprefix(b"data: ") for event in pieces.body.split(b"\n\n")]
    assert events[-2:] == [b"[DONE]", b""]
    deltas = [choice["delta"].get("content", "") for event in events[:-2] for choice in orjson.loads(event)["choices"]]
    assert "".join(deltas) == said
    assert sum(map(bool, deltas)) == PIECES


@pytest.mark.parametrize(
    ("head", "body", "complete"),
    [
        (b"post / http/1.1\r\ncontent-length: 2", b"{}", True),
        (b"post / http/1.1\r\ncontent-length: 2", b"{", False),
        (b"post / http/1.1\r\ntransfer-encoding: chunked", b"2\r\n{}\r\n", False),
        (b"post / http/1.1\r\ntransfer-encoding: chunked", b"2\r\n{}\r\n0\r\n\r\n", True),
        (b"get / http/1.1\r\nhost: a", b"", True),
    ],
)
def test_the_canned_server_answers_whole_requests(head: bytes, body: bytes, complete: bool) -> None:
    assert model_upstream._complete(head, body) is complete
