# SPDX-License-Identifier: Apache-2.0
"""What a platform says about the pods of all its apps: the chart's values `apps`, which the operator gets as JSON."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field

from genapps.api.fields import UserModel

USER = 65532
"""User and group of the images."""

_KEY = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
_OURS = r"^(([^/]+[.])?genapps[.]dev/|app[.]kubernetes[.]io/managed-by$)"
_LABEL_VALUE = r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"
_OBJECT_NAME = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$"
_NAMESPACE = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"


def _not_ours(key: str) -> str:
    if re.match(_OURS, key):
        raise ValueError(f"{key} is set by genapps, because policies select by such keys: use another key")
    return key


MarkKey = Annotated[
    str,
    AfterValidator(_not_ours),
    Field(max_length=317, pattern=_KEY, json_schema_extra={"not": {"pattern": _OURS}}),
]
LabelValue = Annotated[str, Field(max_length=63, pattern=_LABEL_VALUE)]
Labels = dict[MarkKey, LabelValue]
Annotations = dict[MarkKey, str]
Part = Annotated[dict[str, Any], Field(min_length=1)]
"""A piece of a Kubernetes manifest, which the API server checks."""


class Placement(UserModel):
    """Where some apps' pods run, and their marks."""

    node_selector: dict[Annotated[str, Field(max_length=317, pattern=_KEY)], LabelValue] = Field(default_factory=dict)
    """Labels of the nodes on which the pods may run."""
    tolerations: tuple[Part, ...] = ()
    """Tolerations of the pods."""
    affinity: dict[str, Any] = Field(default_factory=dict)
    """Affinity of the pods."""
    priority_class_name: Annotated[str, Field(max_length=253, pattern=_OBJECT_NAME)] = ""
    """PriorityClass of the pods."""
    topology_spread_constraints: tuple[Part, ...] = ()
    """How the pods are spread. A constraint without labelSelector counts all apps' pods of the run namespace."""
    labels: Labels = Field(default_factory=dict)
    """More labels. Labels of genapps cannot be changed."""
    annotations: Annotations = Field(default_factory=dict)
    """More annotations. Annotations of genapps cannot be changed."""

    def over(self, general: "Placement") -> "Placement":
        """Both, where this one is the more special: keys of maps and single values win, lists are joined."""
        return Placement(
            node_selector={**general.node_selector, **self.node_selector},
            tolerations=(*general.tolerations, *self.tolerations),
            affinity=self.affinity or general.affinity,
            priority_class_name=self.priority_class_name or general.priority_class_name,
            topology_spread_constraints=(*general.topology_spread_constraints, *self.topology_spread_constraints),
            labels={**general.labels, **self.labels},
            annotations={**general.annotations, **self.annotations},
        )

    def spec(self, counted: Mapping[str, str]) -> dict[str, Any]:
        """The part of a pod's spec that this is; `counted` are labels of the pods that a spread counts."""
        spread = [{"labelSelector": {"matchLabels": dict(counted)}, **one} for one in self.topology_spread_constraints]
        found = {
            "nodeSelector": dict(self.node_selector),
            "tolerations": [*self.tolerations],
            "affinity": self.affinity,
            "priorityClassName": self.priority_class_name,
            "topologySpreadConstraints": spread,
        }
        return {name: value for name, value in found.items() if value}


class _Section(UserModel):
    """Null takes a default of the chart away, so its schema wants each value that may not be null."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)


class GeneralPlacement(Placement, _Section):
    """The same for all apps."""


class AppPods(_Section):
    """The values."""

    safe_to_evict: bool = True
    """Whether a cluster autoscaler may evict apps' pods to remove a node: each gets the annotation
    cluster-autoscaler.kubernetes.io/safe-to-evict with this value. An app answers again once its pod is ready
    elsewhere, with its state, as far as its volume can move there."""
    run_as_user: Annotated[int, Field(ge=1, le=2147483647)] | None = USER
    """User and group id of all pods, those of operator and gateway included. null: the cluster chooses, as OpenShift
    does; then it has to set fsGroup as well, so that apps can write their state."""
    pod: GeneralPlacement = GeneralPlacement()
    """Placement and marks of all apps' pods. byRiskClass and byRunNamespace add to them, in this order: a later key of
    a map, affinity or priority class wins, tolerations and spread constraints are joined."""
    by_risk_class: dict[Literal["low", "medium", "high"], Placement] = Field(default_factory=dict)
    """The same by effective risk class, e.g. {high: {nodeSelector: {pool: untrusted}}}."""
    by_run_namespace: dict[Annotated[str, Field(max_length=63, pattern=_NAMESPACE)], Placement] = Field(
        default_factory=dict
    )
    """The same by run namespace."""
    child_labels: Labels = Field(default_factory=dict)
    """Labels of every object of every app, for clusters that require some. A change is written in place, but for
    ConfigMaps that exist: they are immutable snapshots."""
    child_annotations: Annotations = Field(default_factory=dict)
    """Annotations of every object of every app, likewise."""

    def placement(self, risk: str, run_namespace: str) -> Placement:
        """What holds for the pods of one effective risk class in one run namespace."""
        found: Placement = self.pod
        for special in self._special(risk, run_namespace):
            found = special.over(found)
        return found

    def _special(self, risk: str, run_namespace: str) -> Iterator[Placement]:
        by_risk: Mapping[str, Placement] = {str(name): one for name, one in self.by_risk_class.items()}
        for special in (by_risk.get(risk), self.by_run_namespace.get(run_namespace)):
            if special is not None:
                yield special
