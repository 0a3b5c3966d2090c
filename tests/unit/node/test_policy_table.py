# SPDX-License-Identifier: Apache-2.0
"""The nftables text: golden, because a reader must be able to judge it."""

import os
from pathlib import Path

import pytest
import yaml

from tools.node.enforcer.cluster import Attachment, observe
from tools.node.enforcer.table import CLOSED, compile_table

GOLDEN = Path(__file__).parent / "golden"


def compiled(name: str) -> str:
    given = yaml.safe_load((GOLDEN / f"{name}.yaml").read_text(encoding="utf-8"))
    links = [Attachment(**link) for link in given["attachments"]]
    pods = {pod["metadata"]["uid"]: pod for pod in given["pods"]}
    return compile_table(observe(links, pods, given["namespaces"], given["policies"]))


@pytest.mark.parametrize("name", sorted(file.stem for file in GOLDEN.glob("*.yaml")))
def test_the_table_is_the_golden_one(name: str) -> None:
    golden = GOLDEN / f"{name}.nft"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(compiled(name), encoding="utf-8")
    assert compiled(name) == golden.read_text(encoding="utf-8")


def test_the_table_does_not_depend_on_the_order_of_what_was_seen() -> None:
    given = yaml.safe_load((GOLDEN / "app-and-gateway.yaml").read_text(encoding="utf-8"))
    links = [Attachment(**link) for link in reversed(given["attachments"])]
    pods = {pod["metadata"]["uid"]: pod for pod in reversed(given["pods"])}
    backwards = compile_table(observe(links, pods, given["namespaces"][::-1], given["policies"][::-1]))
    assert backwards == compiled("app-and-gateway")


def test_the_table_before_the_first_pod_knows_nobody_and_drops_by_default() -> None:
    assert "elements" not in CLOSED
    assert CLOSED.count("policy drop;") == 3
