# SPDX-License-Identifier: Apache-2.0
"""What is written from the models: the chart's copies of the CRDs, and the schema of RuntimeConfig."""

import json
from typing import Any

import jsonschema_rs
import pytest
import yaml

from genapps.api.crd import crds
from genapps.api.digests import sha256
from tools.generate.crds import chart_copy, files
from tools.generate.docs import runtime_config

SETTINGS: dict[str, Any] = {
    "apiVersion": "runtime.genapps.dev/v1",
    "app": "helper",
    "namespace": "finance",
    "revision": "0" * 12,
    "digests": {"code": sha256(b""), "envelope": sha256(b"")},
    "language": "python",
    "entry": "app.py",
    "limits": {
        "guestMemoryBytes": 1,
        "instances": 1,
        "requestBodyBytes": 1,
        "responseBodyBytes": 1,
        "concurrency": 1,
        "toolCallsPerAction": 0,
        "cpuMillisPerAction": 500,
        "statePerTenantBytes": 1,
        "logBytesPerAction": 0,
    },
    "time": {"actionMillis": 5000, "loadMillis": 10000, "napMillis": 60_000},
    "tenancy": None,
    "fallback": None,
    "background": False,
    "cors": None,
    "schedules": [],
    "stateSnapshot": False,
    "retention": {"responsesSeconds": 86400, "stateSeconds": 0},
    "gateway": {"host": "gateway.genapps-system.svc", "port": 8443, "canaryPort": 8444},
}


def test_the_charts_copy_is_kept_and_can_be_switched_off() -> None:
    for name, crd in crds().items():
        head, *body, tail = files()[f"charts/genapps/templates/crds/{name.split('.')[0]}.yaml"].splitlines()[1:]
        assert (head, tail) == ("{{- if .Values.crds.enabled }}", "{{- end }}")
        copy = yaml.safe_load("\n".join(body))
        assert copy["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
        assert copy["spec"] == crd["spec"]


def test_what_helm_would_read_as_its_own_is_escaped() -> None:
    crd = {"metadata": {"name": "x"}, "spec": {"description": "write {{name}}"}}
    assert 'write {{ "{{" }}name}}' in chart_copy(crd)


def refuse(reference: str) -> Any:
    raise LookupError(reference)


@pytest.mark.parametrize(
    ("changes", "valid"),
    [
        ({}, True),
        ({"surprise": 1}, False),
        ({"entry": "lib/app.py"}, False),
        ({"tenancy": {}}, False),
        ({"time": SETTINGS["time"] | {"napMillis": 86_400_000}}, True),
        ({"time": SETTINGS["time"] | {"napMillis": 86_400_001}}, False),
    ],
    ids=[
        "settings as the operator writes them",
        "an unknown field",
        "an entry in a folder",
        "what is not built yet",
        "a nap after a day",
        "a nap after more than a day",
    ],
)
def test_the_schema_of_runtime_settings_is_strict(changes: dict[str, Any], valid: bool) -> None:
    schema = jsonschema_rs.validator_for(json.loads(runtime_config()), retriever=refuse)
    assert schema.is_valid(SETTINGS | changes) is valid


def test_every_runtime_setting_is_required() -> None:
    schema = jsonschema_rs.validator_for(json.loads(runtime_config()), retriever=refuse)
    for name in SETTINGS:
        assert not schema.is_valid({key: value for key, value in SETTINGS.items() if key != name}), name
