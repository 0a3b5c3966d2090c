# SPDX-License-Identifier: Apache-2.0
"""RuntimeConfigs as the operator writes them, and what the runtime says to others."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson

from genapps.api.runtimeconfig import (
    Digests,
    GatewayAddress,
    RuntimeConfig,
    RuntimeFallback,
    RuntimeLimits,
    RuntimeRetention,
    StaticFallback,
    TimeBudget,
)
from genapps_runtime.config import parse_config
from genapps_runtime.termination import Reason, RefusedError

CONTRACTS = Path(__file__).resolve().parents[2] / "docs" / "contracts"
HASH = "sha256:" + "a" * 64


def _no_reference(uri: str) -> Any:
    raise AssertionError(f"a schema refers to {uri}")


def valid(name: str) -> Callable[[Any], bool]:
    schema = json.loads((CONTRACTS / f"{name}.schema.json").read_text())
    return jsonschema_rs.Draft202012Validator(schema, retriever=_no_reference).is_valid


CONFIG = valid("runtime-config")


def model(**changes: Any) -> RuntimeConfig:
    whole = RuntimeConfig(
        app="unit-converter",
        namespace="finance",
        revision="a" * 12,
        digests=Digests(code=HASH, envelope=HASH),
        language="python",
        entry="app.py",
        limits=RuntimeLimits(
            guest_memory_bytes=2**26, instances=2, request_body_bytes=2**20, response_body_bytes=2**20,
            concurrency=8, tool_calls_per_action=8, state_per_tenant_bytes=2**26, log_bytes_per_action=2**14,
            cpu_millis_per_action=500,
        ),
        time=TimeBudget(action_millis=5000, load_millis=10000, nap_millis=60_000),
        retention=RuntimeRetention(responses_seconds=86400, state_seconds=2_592_000),
        gateway=GatewayAddress(host="gateway.genapps-system.svc"),
    )  # fmt: skip
    return whole.model_copy(update=changes)


FALLBACK = RuntimeFallback(
    static=StaticFallback(status=200, content_type="text/plain; charset=utf-8", body="later"),
    last_good=True,
    export=True,
)


def refusal(config: dict[str, Any]) -> Reason | None:
    try:
        parse_config(orjson.dumps(config))
    except RefusedError as refused:
        return refused.reason
    return None
