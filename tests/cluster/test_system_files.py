# SPDX-License-Identifier: Apache-2.0
"""A page and its API as their users have them: files in folders, in several ConfigMaps, under one address."""

import base64
from pathlib import Path

import yaml

from demo.callers import Pod, Reply
from tests.support.apps import Manifest, another_pod, is_true, pod_of, ready, until_app
from tools.kubectl import Kubectl, until

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "lunch-poll.yaml"
PHOTO = bytes(range(256)) * 3600
"""With it the files do not fit into one ConfigMap."""


def example(tenant: str) -> tuple[Manifest, Manifest]:
    """The ConfigMap and the app of the example in a tenant's namespace, with a photo."""
    source, app = yaml.safe_load_all(EXAMPLE.read_text())
    source["binaryData"] = {"photo": base64.b64encode(PHOTO).decode()}
    app["spec"]["code"]["source"]["configMap"]["items"].append({"key": "photo", "path": "public/img/photo.jpg"})
    app["spec"]["budget"] = tenant
    for one in (source, app):
        one["metadata"]["namespace"] = tenant
    return source, app


def ask(caller: Pod, found: Manifest, path: str, method: str = "GET", body: str | None = None, **headers: str) -> Reply:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return caller.request(method, found["status"]["url"] + path, fields, body)


def test_a_page_with_an_api_answers_also_after_its_pod_was_replaced_and_its_source_is_gone(
    installed: Kubectl, tenant: str, caller: Pod
) -> None:
    source, manifest = example(tenant)
    installed.apply(source)
    found = ready(installed, manifest)
    assert "<title>Lunch</title>" in ask(caller, found, "/").body
    assert "fetch(" in ask(caller, found, "/poll.js").body
    assert ask(caller, found, "/img/photo.jpg", "HEAD").status == 200
    assert ask(caller, found, "/img/photo.jpg", Range=f"bytes={len(PHOTO) - 1}-").status == 206
    assert ask(caller, found, "/img/photo.jpg", Range=f"bytes={len(PHOTO)}-").status == 416
    assert ask(caller, found, "/../app.py").status in (400, 404)
    assert ask(caller, found, "/api/votes", "POST", '{"dish": "soup"}').status == 200
    pod = pod_of(installed, found)
    volume = next(one for one in pod["spec"]["volumes"] if one["name"] == "code")
    assert len(volume["projected"]["sources"]) == 2
    installed("delete", "configmap", "lunch-poll", "-n", tenant)
    installed("delete", "pod", pod["metadata"]["name"], "-n", pod["metadata"]["namespace"])
    until(lambda: another_pod(installed, found, pod), what="another pod")
    found = until_app(installed, found, is_true("Ready"))
    assert "<title>Lunch</title>" in ask(caller, found, "/").body
    assert '"soup":1' in ask(caller, found, "/api/votes").body.replace(" ", "")
