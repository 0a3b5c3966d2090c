# SPDX-License-Identifier: Apache-2.0
"""Names of children: valid, unique, stable."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genapps.api.names import child_name, child_name_of, code_snapshot_names, config_snapshot_name, gateway_host

LABEL = re.compile("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
DIGEST = "sha256:" + "0123456789ab" + "0" * 52
labels = st.from_regex(LABEL, fullmatch=True)


def test_a_child_carries_the_namespace_the_app_and_a_hash() -> None:
    assert child_name("finance", "expense-helper") == "finance-expense-helper-456bcfdf5dd96631"


@pytest.mark.parametrize(
    ("namespace", "app", "start"),
    [
        ("9lives", "cat", "a-9lives-cat-"),
        ("finance", "x" * 63, "finance-" + "x" * 32 + "-"),
        ("n" * 39, "app", "n" * 39 + "-"),
    ],
    ids=["a leading digit gets a letter before it", "a long name is cut at 40", "a dash left by the cut goes"],
)
def test_the_readable_part_of_a_child(namespace: str, app: str, start: str) -> None:
    name = child_name(namespace, app)
    assert name.startswith(start)
    assert len(name) == len(start) + 16


@given(namespace=labels, app=labels)
def test_every_child_is_a_valid_service_name(namespace: str, app: str) -> None:
    assert re.fullmatch("[a-z]([-a-z0-9]{0,61}[a-z0-9])?", child_name(namespace, app))
    assert len(child_name(namespace, app)) <= 59


def test_apps_whose_joined_names_are_equal_have_different_children() -> None:
    assert child_name("a-b", "c") != child_name("a", "b-c")


def test_snapshots_are_named_by_twelve_characters_of_their_digest() -> None:
    assert code_snapshot_names("child", DIGEST, None) == ("child-code-0123456789ab",)
    assert config_snapshot_name("child", DIGEST) == "child-config-0123456789ab"


def test_parts_of_a_snapshot_are_numbered_and_known_as_the_childs() -> None:
    parts = code_snapshot_names("child", DIGEST, 2)
    assert parts == ("child-code-0123456789ab-0", "child-code-0123456789ab-1")
    assert {child_name_of(part) for part in parts} == {"child"}


def test_the_gateway_has_one_host_name() -> None:
    assert gateway_host() == "gateway.genapps-system.svc"
