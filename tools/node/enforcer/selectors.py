# SPDX-License-Identifier: Apache-2.0
"""Label selectors of Kubernetes, as a pure function."""

from collections.abc import Callable, Mapping
from typing import Any

Labels = Mapping[str, str]

_OPERATORS: Mapping[str, Callable[[str | None, list[str]], bool]] = {
    "In": lambda value, values: value is not None and value in values,
    "NotIn": lambda value, values: value is None or value not in values,
    "Exists": lambda value, _: value is not None,
    "DoesNotExist": lambda value, _: value is None,
}


def selects(selector: Mapping[str, Any], labels: Labels) -> bool:
    """Whether a selector matches the labels; an empty one matches all. Raises KeyError on an unknown operator."""
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(
        _OPERATORS[wanted["operator"]](labels.get(wanted["key"]), wanted.get("values") or [])
        for wanted in selector.get("matchExpressions") or []
    )
