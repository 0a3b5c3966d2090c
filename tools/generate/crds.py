# SPDX-License-Identifier: Apache-2.0
"""The CRDs: `crds/` for `kubectl apply`, and the chart's copies, which Helm upgrades and never deletes."""

from typing import Any

import yaml

from genapps.api.crd import crds

FOLDERS = ("crds", "charts/genapps/templates/crds")
_NOTE = "# Generated from operator/src/genapps/api by `make manifests`: do not edit.\n"


class _Dumper(yaml.SafeDumper):
    """Writes equal parts out again: an anchor in a manifest surprises readers and some tools."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def files() -> dict[str, str]:
    """Each CRD, in both places."""
    written: dict[str, str] = {}
    for name, crd in crds().items():
        file = name.split(".")[0]
        written[f"crds/{file}.yaml"] = _NOTE + _dump(crd)
        written[f"charts/genapps/templates/crds/{file}.yaml"] = _NOTE + chart_copy(crd)
    return written


def chart_copy(crd: dict[str, Any]) -> str:
    """The CRD as a template: kept when the release goes, with what Helm would read as its own escaped."""
    kept = {**crd, "metadata": {**crd["metadata"], "annotations": {"helm.sh/resource-policy": "keep"}}}
    escaped = _dump(kept).replace("{{", '{{ "{{" }}')
    return "{{- if .Values.crds.enabled }}\n" + escaped + "{{- end }}\n"


def _dump(crd: dict[str, Any]) -> str:
    return yaml.dump(crd, Dumper=_Dumper, sort_keys=False, width=110)
