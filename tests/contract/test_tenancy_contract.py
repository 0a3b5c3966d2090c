# SPDX-License-Identifier: Apache-2.0
"""How tenants are told apart, as the operator writes it and the runtime reads it, against docs/contracts."""

import json
from typing import Any

import orjson
import pytest

from genapps.api.names import AppKey
from genapps.api.runtimeconfig import Tenancy, TenantByHeader, TenantByToken
from genapps.api.tenancy import UNTENANTED, tenant_digest
from genapps.cli.state.asking import Question
from genapps.core.claim_room import beside
from genapps_runtime.config import parse_config
from genapps_runtime.main import USAGE
from genapps_runtime.problems import ProblemError
from genapps_runtime.state.facet_files import path_of
from genapps_runtime.state.marks import Room
from genapps_runtime.tenancy.tenants import _judged
from genapps_runtime.termination import Reason, RefusedError
from tests.contract.runtime_configs import CONFIG
from tests.runtime.harness import runtime_config

BY_HEADER = TenantByHeader(name="X-Tenant", audience="genapps-app/a/b", callers=("system:serviceaccount:a:web",))
BY_TOKEN = TenantByToken(issuer="https://id.example.com", audience="apps", claim="org")


@pytest.mark.parametrize("way", [{"jwt": None, "header": BY_HEADER}, {"jwt": BY_TOKEN, "header": None}])
def test_the_runtime_reads_how_tenants_are_told_apart(way: dict[str, Any]) -> None:
    tenancy = Tenancy(max_tenants=7, forget_seconds=3600, **way).model_dump(by_alias=True, mode="json")
    config = json.loads(json.dumps(runtime_config("sha256:" + "a" * 64, tenancy=tenancy)))
    assert CONFIG(config)
    read = parse_config(orjson.dumps(config)).tenancy
    assert read is not None
    assert (read.most_tenants, read.forget_seconds, bool(read.header)) == (7, 3600, way["jwt"] is None)
    for *parents, last in places(tenancy):
        changed = json.loads(json.dumps(config))
        holder = changed["tenancy"]
        for key in parents:
            holder = holder[key]
        del holder[last]
        null = (*parents, last) in (("jwt",), ("header",)) and config["tenancy"][last] is None
        assert (refusal(changed) is None) is null, (*parents, last)
    both = {"jwt": BY_TOKEN.model_dump(by_alias=True), "header": BY_HEADER.model_dump(by_alias=True, mode="json")}
    assert refusal(config | {"tenancy": config["tenancy"] | both}) is Reason.CONFIG_INVALID
    assert refusal(config | {"tenancy": config["tenancy"] | {"jwt": None, "header": None}}) is Reason.CONFIG_INVALID
    assert not CONFIG(config | {"tenancy": config["tenancy"] | both})
    assert refusal(config | {"background": True}) is None
    rule = {"name": "a", "cron": "* * * * *", "timeZone": "UTC", "path": "/", "missed": "Skip"}
    assert refusal(config | {"schedules": [rule]}) is None


@pytest.mark.parametrize("per_tenant", [2**20, 10_000_000, 64 * 2**20, 2**30, 16 * 2**30])
def test_the_operator_counts_what_the_runtime_keeps_beside_the_state(per_tenant: int) -> None:
    assert beside(per_tenant) == Room.beside(per_tenant).bytes


def places(value: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The paths of all fields."""
    found = [path] if path else []
    for key, inner in value.items() if isinstance(value, dict) else ():
        found += places(inner, (*path, key))
    return found


def refusal(config: dict[str, Any]) -> Reason | None:
    try:
        parse_config(orjson.dumps(config))
    except RefusedError as refused:
        return refused.reason
    return None


@pytest.mark.parametrize(
    "name",
    [
        "a",
        "default",
        "x" * 256,
        "x" * 257,
        "é" * 128,
        "é" * 129,
        "",
        " a",
        "a ",
        "a b",
        "a\n",
        "a\u202eb",
        "\ue000",
        "İ",
    ],
)
def test_a_tenant_has_one_digest_on_both_sides_and_who_can_be_none_has_none(name: str) -> None:
    try:
        judged: str | None = _judged(name)
    except ProblemError:
        judged = None
    if name == UNTENANTED:
        judged = name  # nobody calls under this name, and what the app had without tenants has it
    try:
        digest: str | None = tenant_digest(name)
    except ValueError:
        digest = None
    assert (judged is None) == (digest is None)
    assert judged is None or path_of("", name) == f"{digest}.sqlite"


def test_the_command_of_the_cli_is_the_one_that_the_runtime_reads() -> None:
    program, *words = Question(AppKey("finance", "words"), "genapps-run", "export", "a" * 64).command("ana")
    assert program == "genapps-runtime"
    assert f"genapps-runtime {words[0]} OPERATION NAMESPACE APP TENANT BY" in USAGE
    assert words[1:] == ["export", "finance", "words", "a" * 64, "ana"]
