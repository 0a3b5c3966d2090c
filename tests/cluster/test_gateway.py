# SPDX-License-Identifier: Apache-2.0
"""The gateway against a real API server: real projected tokens, real Ledgers, and only the rights of the chart."""

import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from genapps.api.names import child_name
from tests.support.gateway_process import GatewayProcess, World, world
from tools.kubectl import Kubectl, until
from tools.node import Node


@pytest.fixture(scope="module")
def here(bare: Node, bare_kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(bare_kubectl, bare, tmp_path_factory.mktemp("gateway")) as made:
        yield made


def test_a_projected_token_of_the_apps_pod_is_accepted(here: World) -> None:
    token = here.app("accepted")
    assert here.heartbeat(token).body == {"suspended": False, "credit": None, "tenantKeys": None}
    refused = here.call(token, "mail", "order-17")
    assert (refused.status, refused.code) == (503, "ConnectorUnavailable")
    assert (refused.body["requestId"], refused.body["retryAfter"]) == ("order-17", 60)


def test_tokens_for_other_audiences_and_of_nobody_are_refused(here: World) -> None:
    uid = here.pod("audiences")
    here.record("audiences", uid)
    for_the_api = here.token("audiences", uid, "https://kubernetes.default.svc")
    unbound = here.kubectl(
        "create", "token", child_name("tests", "audiences"), "-n", here.run, "--audience=genapps-gateway"
    )
    for token in (for_the_api, unbound.strip(), "x.y.z", ""):
        refused = here.heartbeat(token)
        assert (refused.status, refused.code) == (401, "TokenInvalid"), token


def test_a_pod_in_no_record_is_unknown_until_the_record_names_it(here: World) -> None:
    uid = here.pod("unknown")
    token = here.token("unknown", uid)
    refused = here.call(token, "payroll")
    assert (refused.status, refused.code, refused.body["retryAfter"]) == (401, "CallerUnknown", 1)
    here.record("unknown", uid)
    until(lambda: here.heartbeat(token).status == 200, 30, "the gateway's knowledge of the record")
    assert here.violations("unknown") == {}, "what an unknown caller asks for is no violation"


def test_the_token_of_a_replaced_pod_is_void(here: World) -> None:
    old = here.app("replaced")
    here.app("replaced")
    refused = here.call(old, "mail")
    assert (refused.status, refused.code) == (401, "CallerUnknown")


def test_a_violation_is_in_the_ledger_before_the_answer(here: World) -> None:
    refused = here.call(here.app("violation"), "payroll", "order-17")
    assert (refused.status, refused.code, refused.body["class"]) == (403, "ConnectorNotInEnvelope", "violation")
    violations = here.violations("violation")
    assert violations["total"] == 1
    [entry] = violations["window"]
    assert (entry["rule"], entry["subject"], entry["requestId"]) == ("connector_not_in_envelope", "payroll", "order-17")
    here.call(here.app("violation"), "payroll", "order-18")
    assert here.violations("violation")["total"] == 2, "each of them, and not the first alone"


def test_at_the_threshold_the_app_is_refused_until_an_acknowledgement_moves_the_count(here: World) -> None:
    token = here.app("threshold")
    for number in range(3):
        assert here.call(token, "payroll", f"r{number}").code == "ConnectorNotInEnvelope"
    assert here.violations("threshold")["tripped"]["count"] == 3
    assert here.call(token, "mail").code == "Suspended", "although the operator has not said so"
    uid = here.kubectl.get("pod", child_name("tests", "threshold"), here.run)["metadata"]["uid"]
    suspension = {"id": "0" * 32, "reason": "RepeatedViolations", "at": datetime.now(UTC).isoformat()}
    here.record("threshold", uid, suspension=suspension)
    until(lambda: "0" * 32 in here.call(token, "mail").body["detail"], 30, "the record's suspension")
    here.record("threshold", uid, countFrom=datetime.now(UTC).isoformat())
    until(lambda: here.call(token, "mail").code == "ConnectorUnavailable", 30, "the end of the suspension")


def test_a_second_gateway_has_the_same_authority_and_refuses_at_the_same_threshold(here: World) -> None:
    first = here.gateway
    second = GatewayProcess(first.kubeconfig, first.log.with_name("second.log"), first.namespace)
    token, authority = here.app("second"), here.authority()
    try:
        second.start()
        there = replace(here, gateway=second)
        assert there.authority() == authority
        assert there.call(token, "payroll", "r0").code == "ConnectorNotInEnvelope"
        for number in (1, 2):
            assert here.call(token, "payroll", f"r{number}").code == "ConnectorNotInEnvelope"
        assert there.call(token, "payroll", "r3").code == "Suspended", "what violates is refused at once"
        assert here.violations("second")["total"] == 3
        quiet = here.app("quiet")
        for number in range(3):
            here.call(quiet, "payroll", f"r{number}")
        until(lambda: there.call(quiet, "mail").code == "Suspended", 10, "what the watch tells the other gateway")
        assert second.stop() == 0
    finally:
        second.kill()


def test_counts_and_authority_survive_a_hard_end_and_a_clean_stop_loses_nothing(here: World) -> None:
    token, authority = here.app("restart"), here.authority()
    here.call(token, "payroll", "r1")
    here.call(token, "payroll", "r2")
    assert here.gateway.stop() == 0
    assert here.violations("restart")["total"] == 2
    here.gateway.start()
    assert here.authority() == authority
    assert here.call(token, "payroll", "r3").code == "ConnectorNotInEnvelope"
    here.gateway.kill()
    here.gateway.start()
    assert here.call(token, "mail").code == "Suspended"
    assert here.violations("restart")["total"] == 3


def test_a_ledger_that_somebody_removes_or_changes_is_written_again(here: World) -> None:
    token, child = here.app("ledger"), child_name("tests", "ledger")
    here.call(token, "payroll", "r1")
    here.kubectl("label", "ledger", child, "-n", here.system, "touched=yes")
    here.call(token, "payroll", "r2")
    until(lambda: here.violations("ledger")["total"] == 2, 10, "the count after a foreign write")
    here.kubectl("delete", "ledger", child, "-n", here.system)
    assert here.call(token, "payroll", "r3").code == "ConnectorNotInEnvelope"
    assert (here.violations("ledger")["total"], here.violations("ledger")["tripped"]["count"]) == (3, 3)


def test_a_purged_app_starts_anew(here: World) -> None:
    token, child = here.app("purged"), child_name("tests", "purged")
    for number in range(3):
        here.call(token, "payroll", f"r{number}")
    here.kubectl("delete", "apprecord", child, "-n", here.system)
    until(lambda: here.heartbeat(token).code == "CallerUnknown", 30, "the end of the record")
    here.kubectl("delete", "ledger", child, "-n", here.system)
    again = here.app("purged")
    until(lambda: here.call(again, "mail").code == "ConnectorUnavailable", 10, "the end of the Ledger")


def test_the_published_authority_proves_the_gateways_name_only(here: World) -> None:
    assert here.gateway.request(here.authority(), "GET", "/v1/healthz").body == {"status": "ok"}
    with pytest.raises(ssl.SSLCertVerificationError), here.gateway.connected(here.authority(), "gateway.other.svc"):
        pass


def test_the_canary_accepts_and_hangs_up(here: World) -> None:
    with socket.create_connection(("127.0.0.1", here.gateway.ports["CANARY"]), timeout=30) as connection:
        assert connection.recv(1) == b""


def test_nothing_secret_is_in_the_log(here: World) -> None:
    token = here.app("log")
    here.call(token, "payroll", "r1")
    here.heartbeat(token[:-8] + "AAAAAAAA")
    log = here.gateway.log.read_text(encoding="utf-8")
    assert '"code":"ConnectorNotInEnvelope"' in log
    assert token.split(".")[1] not in log
    assert "PRIVATE KEY" not in log
    assert Path(here.gateway.kubeconfig).read_text(encoding="utf-8").split("token: ")[1].split()[0] not in log
