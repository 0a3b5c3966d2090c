# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path
from typing import Any

import pytest

from bench.cluster.audit import AuditLog, writes
from bench.figures import NotMeasuredError

OPERATOR = "system:serviceaccount:genapps-system:genapps-operator"


def event(verb: str = "patch", user: str = OPERATOR, stage: str = "ResponseComplete", **target: str) -> dict[str, Any]:
    return {
        "stage": stage,
        "verb": verb,
        "user": {"username": user},
        "objectRef": {"resource": "pods", "name": "x", **target},
        "requestReceivedTimestamp": "2026-11-23T19:00:00.500000Z",
    }


@pytest.mark.parametrize(
    ("entry", "counted"),
    [
        (event(), True),
        (event(verb="delete"), True),
        (event(resource="generatedapps", subresource="status"), True),
        (event(verb="get"), False),
        (event(verb="watch"), False),
        (event(stage="RequestReceived"), False),
        (event(user="system:serviceaccount:genapps-system:genapps-gateway"), False),
        (event(resource="leases"), False),
        (event(verb="create", resource="tokenreviews"), False),
        (event(verb="create", resource="serviceaccounts", subresource="token"), False),
    ],
    ids=[
        "an apply", "a delete", "a status", "a read", "a watch", "a request counted at its end",
        "another user's write", "leadership", "a review", "a token",
    ],
)  # fmt: skip
def test_what_counts_as_a_write_of_the_operator(entry: dict[str, Any], counted: bool) -> None:
    assert bool(list(writes(iter([json.dumps(entry)]), "genapps-operator"))) is counted


def test_a_write_says_what_was_written_and_when() -> None:
    (write,) = writes(iter([json.dumps(event(resource="generatedapps", subresource="status"))]), "genapps-operator")
    assert write.what == "patch generatedapps/status/x"
    assert write.at == 1795460400.5


def test_only_complete_lines_after_the_opening_are_read(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_text(json.dumps(event()) + "\n")
    log = AuditLog(path)
    with path.open("a") as file:
        file.write(json.dumps(event(verb="create")) + "\n" + json.dumps(event())[:20])
    assert [write.what for write in log.writes("genapps-operator")] == ["create pods/x"]


def test_a_node_without_audit_log_is_a_reason_not_to_count(tmp_path: Path) -> None:
    with pytest.raises(NotMeasuredError, match="no audit log"):
        AuditLog(tmp_path / "audit.log")
