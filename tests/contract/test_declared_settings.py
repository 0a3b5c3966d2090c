# SPDX-License-Identifier: Apache-2.0
"""What apps declare and the runtime does: the operator writes it, the runtime reads it, and both refuse the same."""

import json
import re
from dataclasses import asdict
from typing import Any

import orjson
import pytest

from genapps.api.cors import Cors
from genapps.api.runtimeconfig import RuntimeFallback, ScheduleRule
from genapps.api.schedules import Schedule
from genapps.core.runtime_config import cors_rules
from genapps_runtime.config import CorsRules, Fallback, parse_config
from genapps_runtime.termination import Reason, RefusedError
from tests.contract.runtime_configs import CONFIG, FALLBACK, model, refusal

SCHEDULE = Schedule(name="nightly", cron="0 6 * * MON-FRI", time_zone="Europe/Zurich", path="/a", missed="RunOnce")
CORS = {
    "allowedOrigins": ["https://a.example", "http://localhost:3000"], "allowedMethods": ["GET", "PUT"],
    "allowedHeaders": ["Content-Type"], "exposedHeaders": [], "allowCredentials": True, "maxAge": "10m",
}  # fmt: skip


def test_the_runtime_reads_the_rules_for_pages_of_other_origins() -> None:
    written = json.loads(model().model_copy(update={"cors": cors_rules(Cors.model_validate(CORS))}).content())
    assert CONFIG(written)
    assert parse_config(orjson.dumps(written)).cors == CorsRules(
        ("https://a.example", "http://localhost:3000"), ("GET", "PUT"), ("Content-Type",), (), True, 600
    )
    absent = json.loads(model().model_copy(update={"cors": cors_rules(Cors())}).content())
    read = parse_config(orjson.dumps(absent)).cors
    assert read == CorsRules((), ("GET", "HEAD", "POST"), (), (), False, None)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"allowedOrigins": ["a.example"]}, "allowedOrigins"),
        ({"allowedOrigins": ["https://a.example\r\nx: y"]}, "allowedOrigins"),
        ({"allowedOrigins": ["*"]}, "allowedOrigins"),
        ({"allowedOrigins": ["*", "https://a.example"], "allowCredentials": False}, "allowedOrigins"),
        ({"allowedOrigins": ["https://a.example"] * 33}, "allowedOrigins"),
        ({"allowedMethods": "GET"}, "allowedMethods"),
        ({"allowedHeaders": ["a b"]}, "allowedHeaders"),
        ({"exposedHeaders": [1]}, "exposedHeaders"),
        ({"allowCredentials": "yes"}, "allowCredentials"),
        ({"maxAgeSeconds": -1}, "maxAgeSeconds"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_rules_for_pages_that_are_not_sound_are_refused(changes: dict[str, Any], field: str) -> None:
    config = json.loads(model().model_copy(update={"cors": cors_rules(Cors.model_validate(CORS))}).content())
    config["cors"] |= changes
    with pytest.raises(RefusedError, match=re.escape(f"cors.{field}")):
        parse_config(orjson.dumps(config))


def test_the_runtime_reads_every_fallback_that_the_operator_writes() -> None:
    content = model(fallback=FALLBACK).content()
    assert CONFIG(json.loads(content))
    fallback = parse_config(content).fallback
    assert fallback is not None
    assert (fallback.last_good, fallback.export) == (True, True)
    assert fallback.static is not None
    assert (fallback.static.status, fallback.static.body) == (200, "later")
    only = model(fallback=RuntimeFallback(static=None, last_good=False, export=True)).content()
    assert CONFIG(json.loads(only))
    assert parse_config(only).fallback == Fallback(None, last_good=False, export=True)


def _scheduled(**changes: Any) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(model(schedules=(ScheduleRule(**dict(SCHEDULE)),)).content())
    config["schedules"][0] |= changes
    return config


def test_the_runtime_reads_the_schedules_that_the_operator_writes() -> None:
    assert CONFIG(_scheduled())
    (read,) = parse_config(orjson.dumps(_scheduled())).schedules
    assert dict(SCHEDULE) == asdict(read)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "A"), ("cron", "* * * * * *"), ("cron", "* * * *"), ("cron", "*  * * * *"), ("timeZone", ""),
        ("timeZone", "../x"), ("path", "a"), ("path", "/a?b"), ("path", "/" + "a" * 512), ("missed", "skip"),
        ("surprise", 1),
    ],
)  # fmt: skip
def test_neither_side_takes_a_schedule_that_is_none(field: str, value: Any) -> None:
    assert not CONFIG(_scheduled(**{field: value}))
    assert refusal(_scheduled(**{field: value})) is Reason.CONFIG_INVALID


def test_neither_side_takes_more_schedules_than_an_app_may_have() -> None:
    config = _scheduled()
    config["schedules"] = [config["schedules"][0] | {"name": f"a{number}"} for number in range(17)]
    assert not CONFIG(config)
    assert refusal(config) is Reason.CONFIG_INVALID


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("status", 199), ("status", 600), ("contentType", ""), ("contentType", "text/plain\r\nx: y"),
        ("contentType", "TEXT/PLAIN"), ("contentType", "a/" + "b" * 126), ("body", "x" * 16_385), ("body", None),
        ("headers", {}),
    ],
)  # fmt: skip
def test_neither_side_takes_a_fixed_answer_that_is_none(field: str, value: Any) -> None:
    config = json.loads(model(fallback=FALLBACK).content())
    config["fallback"]["static"][field] = value
    assert not CONFIG(config)
    assert refusal(config) is Reason.CONFIG_INVALID
