# SPDX-License-Identifier: Apache-2.0
"""Argo CD's health check. It is written once; this module copies it for the other kind and into a patch of
`argocd-cm`.
"""

from pathlib import Path

import yaml

FOLDERS = ()
KINDS = ("GeneratedApp", "AppBudget")
"""The kinds whose status carries conditions."""

_ROOT = Path(__file__).resolve().parents[2]
_PLACE = "deploy/argocd/genapps.dev"
_NOTE = """\
# Generated from genapps.dev/GeneratedApp/health.lua by `make manifests`: do not edit. To use it:
#   kubectl patch configmap argocd-cm --namespace argocd --patch-file deploy/argocd/argocd-cm.yaml
"""


class _Dumper(yaml.SafeDumper):
    """Writes scripts as they are read: line by line."""


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None),
)


def files() -> dict[str, str]:
    """The script of each further kind, and the patch with all of them."""
    first, *others = KINDS
    script = (_ROOT / _PLACE / first / "health.lua").read_text(encoding="utf-8")
    data = {f"resource.customizations.health.genapps.dev_{kind}": script for kind in KINDS}
    patch = yaml.dump({"data": data}, Dumper=_Dumper, sort_keys=False)
    return {
        **{f"{_PLACE}/{kind}/health.lua": script for kind in others},
        "deploy/argocd/argocd-cm.yaml": _NOTE + patch,
    }
