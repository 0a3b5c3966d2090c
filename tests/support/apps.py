# SPDX-License-Identifier: Apache-2.0
"""Apps for tests: a manifest from source text, waiting for its state, its children."""

import json
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

from tools.kubectl import Kubectl, condition, until

RUN_NAMESPACE = "genapps-run"
SYSTEM_NAMESPACE = "genapps-system"

Manifest = dict[str, Any]


def app(name: str, namespace: str, code: str, envelope: Mapping[str, Any] | None = None, **spec: Any) -> Manifest:
    """A low-risk Python app of budget `namespace` and tier small; `envelope` and `spec` add to that."""
    return {
        "apiVersion": "genapps.dev/v1alpha1",
        "kind": "GeneratedApp",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "envelope": {"owner": {"team": "testers"}, "riskClass": "low", **(envelope or {})},
            "code": {"language": "python", "source": {"inline": textwrap.dedent(code).lstrip()}},
            "tier": "small",
            "budget": namespace,
            **spec,
        },
    }


def until_app(kubectl: Kubectl, manifest: Manifest, holds: Callable[[Manifest], bool], seconds: float = 90) -> Manifest:
    """The app as soon as `holds` of it as observed in its present generation."""
    name, namespace = manifest["metadata"]["name"], manifest["metadata"]["namespace"]
    last: Manifest = {}

    def seen() -> Manifest | None:
        nonlocal last
        last = kubectl.get("gapp", name, namespace)
        current = last.get("status", {}).get("observedGeneration") == last["metadata"]["generation"]
        return last if current and holds(last) else None

    try:
        found = until(seen, seconds, f"the wish for {name}")
    except AssertionError as error:
        raise AssertionError(f"{error}\n{json.dumps(last.get('status'), indent=1)}") from error
    assert found is not None
    return found


def is_true(kind: str, reason: str | None = None) -> Callable[[Manifest], bool]:
    """Whether a condition is True (for that reason)."""

    def holds(found: Manifest) -> bool:
        seen = condition(found, kind)
        return seen.get("status") == "True" and reason in (None, seen["reason"])

    return holds


def ready(kubectl: Kubectl, manifest: Manifest) -> Manifest:
    """Apply, and wait until it is Ready."""
    kubectl.apply(manifest)
    return until_app(kubectl, manifest, is_true("Ready"))


def child_of(kubectl: Kubectl, manifest: Manifest, kind: str) -> Manifest | None:
    """The app's only child of a kind, or None."""
    meta = manifest["metadata"]
    selector = f"genapps.dev/app={meta['name']},genapps.dev/app-namespace={meta['namespace']}"
    found = kubectl.items(kind, "-n", RUN_NAMESPACE, "-l", selector)
    assert len(found) <= 1, f"more than one {kind}"
    return found[0] if found else None


def pod_of(kubectl: Kubectl, manifest: Manifest) -> Manifest:
    """The app's pod, which it has."""
    found = child_of(kubectl, manifest, "pods")
    assert found is not None
    return found


def another_pod(kubectl: Kubectl, manifest: Manifest, before: Manifest) -> bool:
    """Whether the app has a pod that is not the one of before."""
    found = child_of(kubectl, manifest, "pods")
    return found is not None and found["metadata"]["uid"] != before["metadata"]["uid"]


def log_lines(kubectl: Kubectl, pod: Manifest, event: str) -> list[dict[str, Any]]:
    """What a pod has logged of one event."""
    log = kubectl("logs", pod["metadata"]["name"], "-n", pod["metadata"]["namespace"])
    parsed = [json.loads(line) for line in log.splitlines()]
    return [line for line in parsed if line["event"] == event]
