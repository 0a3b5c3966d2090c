# SPDX-License-Identifier: Apache-2.0
"""Defaults, schema and guide come from one model: nothing undescribed, nothing open, nothing left out."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from tools import helm
from tools.generate import chart

Found = tuple[str, dict[str, Any]]


def every_value(schema: dict[str, Any], path: str = "") -> Iterator[Found]:
    for name, part in schema.get("properties", {}).items():
        yield f"{path}{name}", part
        yield from every_value(part, f"{path}{name}.")


SCHEMA = chart.schema()
VALUES = [found for found in every_value(SCHEMA) if found[0] != "global"]
DEFAULTS = yaml.safe_load(chart.defaults())


def default_of(path: str) -> Any:
    value = DEFAULTS
    for step in path.split("."):
        value = value[step]
    return value


@pytest.mark.parametrize(("path", "part"), [pytest.param(*each, id=each[0]) for each in VALUES])
def test_every_value_has_a_default_and_says_what_it_is(path: str, part: dict[str, Any]) -> None:
    assert part["description"]
    if "properties" in part:
        assert part["additionalProperties"] is False
        assert list(part["properties"]) == list(default_of(path))
    elif default_of(path) is None:
        assert "null" in part["type"]
    guide = chart.files()["docs/chart.md"]
    assert f"| `{path}`" in guide


def test_the_schema_needs_no_draft_that_an_older_helm_lacks() -> None:
    assert SCHEMA["$schema"].endswith("draft-07/schema#")
    assert "$ref" not in json.dumps(SCHEMA)


def test_a_default_may_not_be_taken_away_unless_nothing_needs_it() -> None:
    with_null = {path for path, part in VALUES if "null" in part["type"]}
    assert "hostUsers" in with_null
    for path, part in [("", SCHEMA), *VALUES]:
        if "properties" in part:
            names = set(part["properties"]) - {"global"}
            inner = {name for name in names if f"{path}.{name}".lstrip(".") in with_null}
            assert set(part["required"]) == names - inner


def test_a_value_without_docstring_is_refused() -> None:
    class Bare(BaseModel):
        silent: int = 1

    with pytest.raises(ValueError, match="silent has no docstring"):
        "".join(chart._section(Bare(), ""))


def test_the_charts_own_defaults_pass_the_schema(values: helm.Values) -> None:
    assert helm.render({**DEFAULTS, **values}) == helm.render(values)
