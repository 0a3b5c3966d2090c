# SPDX-License-Identifier: Apache-2.0
"""What the API server refuses is told to the app's owner, in its own words and within seconds; no kubelet."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.operator_process import World, world
from tools.kubectl import Kubectl, until
from tools.node import Node

TOLD_WITHIN_SECONDS = 10.0


@pytest.fixture(scope="module")
def here(bare: Node, bare_kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    log: Path = tmp_path_factory.mktemp("operator") / "log"
    with world(bare_kubectl, bare, log) as made:
        yield made


@contextmanager
def webhook_down(here: World, resource: str) -> Iterator[str]:
    """A policy engine that must be asked, and that nobody answers for; gives its name."""
    name = f"{resource}.{here.run}.example"
    rule: dict[str, Any] = {
        "apiGroups": ["*"], "apiVersions": ["*"], "operations": ["CREATE", "UPDATE"], "resources": [resource],
    }  # fmt: skip
    hook = {
        "name": name,
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "timeoutSeconds": 2,
        "admissionReviewVersions": ["v1"],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": here.run}},
        "rules": [rule],
        "clientConfig": {"service": {"namespace": "default", "name": "nobody-here", "path": "/"}},
    }
    here.kubectl.apply(
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": name},
            "webhooks": [hook],
        }
    )
    try:
        yield name
    finally:
        here.kubectl("delete", "mutatingwebhookconfiguration", name)


def ready(here: World, app: str) -> tuple[str, str]:
    """Status and message of its condition Ready."""
    conditions = here.kubectl.get("gapp", app, here.namespace).get("status", {}).get("conditions", ())
    found = next((entry for entry in conditions if entry["type"] == "Ready"), {"status": "", "message": ""})
    return found["status"], found["message"]


@pytest.mark.parametrize("resource", ["pods", "networkpolicies", "persistentvolumeclaims", "serviceaccounts"])
def test_a_webhook_that_is_down_is_named_and_the_app_mends_itself_afterwards(here: World, resource: str) -> None:
    app = f"new-{resource}"
    with webhook_down(here, resource) as name:
        begun = time.monotonic()
        here.apply(here.app(app))
        until(lambda: name in ready(here, app)[1], TOLD_WITHIN_SECONDS, "the words of the API server")
        assert time.monotonic() - begun < TOLD_WITHIN_SECONDS
        assert ready(here, app)[0] == "False"
    here.until_pod(app)
    until(lambda: name not in ready(here, app)[1], 60, "the end of the message")


def test_an_app_that_ran_says_that_it_does_not_answer_and_why(here: World) -> None:
    here.apply(here.app("ran"))
    here.until_pod("ran")
    here.make_ready("ran")
    here.until_condition("ran", "Ready", "True", "Available")
    with webhook_down(here, "pods") as name:
        here.kubectl("delete", "pod", here.child("ran"), "-n", here.run, "--grace-period=0", "--force")
        until(lambda: name in ready(here, "ran")[1], TOLD_WITHIN_SECONDS, "the words of the API server")
        assert ready(here, "ran")[0] == "False"
        assert here.find("endpointslice", "ran") is None
    here.until_pod("ran")


def test_an_app_whose_endpoints_are_refused_is_never_ready(here: World) -> None:
    with webhook_down(here, "endpointslices") as name:
        here.apply(here.app("hidden"))
        here.until_pod("hidden")
        here.make_ready("hidden")
        until(lambda: name in ready(here, "hidden")[1], TOLD_WITHIN_SECONDS, "the words of the API server")
        assert ready(here, "hidden")[0] == "False"
    here.until_condition("hidden", "Ready", "True", "Available")


def test_a_quota_that_is_used_up_is_told_with_its_numbers(here: World) -> None:
    here.kubectl("create", "quota", "full", "-n", here.run, "--hard=pods=0")
    try:
        here.apply(here.app("crowded-out"))
        until(lambda: "exceeded quota: full" in ready(here, "crowded-out")[1], TOLD_WITHIN_SECONDS, "the quota")
    finally:
        here.kubectl("delete", "quota", "full", "-n", here.run)
    here.until_pod("crowded-out")
