# SPDX-License-Identifier: Apache-2.0
from typing import Any

from bench.apps import NAMESPACE
from bench.cluster.bare_pod import pod_like

APP_POD: dict[str, Any] = {
    "metadata": {"name": "finance-app-0123456789abcdef", "namespace": "genapps-run", "uid": "u"},
    "spec": {
        "nodeName": "genapps",
        "serviceAccountName": "finance-app-0123456789abcdef",
        "securityContext": {"fsGroup": 65532},
        "containers": [
            {
                "name": "runtime",
                "image": "localhost/genapps-runtime:1",
                "args": ["--code-digest", "sha256:x"],
                "readinessProbe": {"httpGet": {"path": "/readyz", "port": 9090}},
                "volumeMounts": [{"name": "state", "mountPath": "/var/lib/genapps"}],
            }
        ],
        "volumes": [
            {"name": "state", "persistentVolumeClaim": {"claimName": "finance-app-0123456789abcdef"}},
            {"name": "token", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}},
        ],
    },
}


def test_the_floor_has_image_mounts_and_probes_of_the_app_and_nothing_of_its_identity() -> None:
    pod = pod_like(APP_POD)
    spec, container = pod["spec"], pod["spec"]["containers"][0]
    like = APP_POD["spec"]["containers"][0]
    assert {key: container[key] for key in ("image", "readinessProbe", "volumeMounts")} == {
        key: like[key] for key in ("image", "readinessProbe", "volumeMounts")
    }
    assert spec["securityContext"] == {"fsGroup": 65532}
    assert pod["metadata"]["namespace"] == NAMESPACE
    assert "args" not in container
    assert "nodeName" not in spec
    assert "serviceAccountName" not in spec
    assert spec["volumes"][1] == APP_POD["spec"]["volumes"][1]
    assert spec["volumes"][0]["persistentVolumeClaim"]["claimName"] == pod["metadata"]["name"]


def test_the_floor_leaves_the_original_as_it_was() -> None:
    pod_like(APP_POD)
    assert APP_POD["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] == "finance-app-0123456789abcdef"
    assert "args" in APP_POD["spec"]["containers"][0]
