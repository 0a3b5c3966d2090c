# SPDX-License-Identifier: Apache-2.0
"""NetworkPolicies of a run namespace that are no app's own fence: policies add up, so one of them may open what the
fence holds closed. Policies of network plug-ins' own kinds are not seen here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from genapps.api import names
from genapps.core.observed import Manifest


@dataclass(frozen=True, slots=True)
class OpeningPolicy:
    """A policy that lets the pods that it selects reach something."""

    match_labels: Mapping[str, str]
    requirements: tuple[tuple[str, str, frozenset[str]], ...]
    """Of matchExpressions: key, operator, values."""

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Whether it is about a pod with these labels."""
        return all(labels.get(key) == value for key, value in self.match_labels.items()) and all(
            _holds(labels.get(key), operator, values) for key, operator, values in self.requirements
        )


def opening_policy(policy: Manifest) -> OpeningPolicy | None:
    """From a live NetworkPolicy; None for the fence of an app, and for one that lets nobody reach anything."""
    spec: Mapping[str, Any] = policy.get("spec") or {}
    selector: Mapping[str, Any] = spec.get("podSelector") or {}
    if "Egress" not in (spec.get("policyTypes") or ("Egress",)) or not spec.get("egress"):
        return None
    labels = selector.get("matchLabels") or {}
    expressions = selector.get("matchExpressions") or ()
    if not expressions and _is_fence_of(policy["metadata"]["name"], labels):
        return None
    requirements = ((each["key"], each["operator"], frozenset(each.get("values") or ())) for each in expressions)
    return OpeningPolicy(dict(labels), tuple(requirements))


def _is_fence_of(name: str, labels: Mapping[str, str]) -> bool:
    """Whether it selects the one app whose fence has that name. What is edited in one is repaired as drift."""
    app, namespace = labels.get(names.LABEL_APP, ""), labels.get(names.LABEL_APP_NAMESPACE, "")
    return labels.get(names.LABEL_MANAGED_BY) == names.MANAGED_BY and names.child_name(namespace, app) == name


def _holds(value: str | None, operator: str, values: frozenset[str]) -> bool:
    match operator:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case _:
            # An operator of a later version: rather named without need than not seen.
            return True
