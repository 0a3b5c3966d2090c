# SPDX-License-Identifier: Apache-2.0
"""`genapps state` on a real Kubernetes: by whoever has the verb, under their own name, and by nobody else."""

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from demo.callers import Pod
from genapps.api.names import child_name
from tests.cluster.test_tenants import WORDS, minted
from tests.support.admission_table.rows import enter
from tests.support.api_server import Api
from tests.support.apps import RUN_NAMESPACE, app, ready
from tests.support.tenant import token
from tools.kubectl import Kubectl
from tools.node import Node


@pytest.fixture
def configs(node: Node, installed: Kubectl, tenant: str, tmp_path: Path) -> Iterator[dict[str, Path]]:
    """Kubeconfigs: of `officer`, who has the verbs in the app's namespace, and of `other`, who may exec and no more."""
    made = {}
    for name in ("officer", "other"):
        config = yaml.safe_load(node.kubeconfig.read_text(encoding="utf-8"))
        secret = token(installed, tenant, name)
        config["users"] = [{"name": entry["name"], "user": {"token": secret}} for entry in config["users"]]
        made[name] = tmp_path / name
        made[name].write_text(yaml.safe_dump(config), encoding="utf-8")
        bind = ("create", "rolebinding", f"{tenant}-{name}", "--clusterrole=genapps-state-exec")
        installed(*bind, "-n", RUN_NAMESPACE, f"--serviceaccount={tenant}:{name}")
    role = ("--clusterrole=genapps-state", f"--serviceaccount={tenant}:officer")
    installed("create", "rolebinding", "officer", "-n", tenant, *role)
    yield made
    installed("delete", "rolebinding", "-n", RUN_NAMESPACE, *(f"{tenant}-{name}" for name in made))


def state(kubeconfig: Path, *words: str) -> tuple[int, str]:
    """The exit code and what was printed."""
    program = Path(sys.executable).with_name("genapps")
    environment = {"PATH": os.environ["PATH"], "KUBECONFIG": str(kubeconfig)}
    done = subprocess.run([program, "state", *words], env=environment, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


def test_whoever_has_the_verb_exports_and_deletes_a_tenant_and_nobody_else(
    node: Node, installed: Kubectl, tenant: str, caller: Pod, configs: dict[str, Path], tmp_path: Path
) -> None:
    budget = installed.get("abud", tenant, None)
    budget["spec"]["tiers"]["small"]["instances"] = 2
    installed.apply({key: budget[key] for key in ("apiVersion", "kind", "spec")} | {"metadata": {"name": tenant}})
    installed("create", "serviceaccount", "web", "-n", tenant)
    tenancy = {"header": "X-Tenant", "trustedCallers": ["web"], "maxTenants": 2}
    manifest = app("words", tenant, WORDS, tenancy=tenancy)
    url = ready(installed, manifest)["status"]["url"] + "/"
    web = minted(installed, tenant, "web", f"genapps-app/{tenant}/words")

    def asked(method: str, name: str, body: str | None = None) -> str:
        reply = caller.request(method, url, {"Genapps-Caller-Token": web, "X-Tenant": name}, body)
        assert reply.status == 200, reply
        return reply.body

    for name in ("acme", "globex"):
        asked("POST", name, f"of {name}")
    officer, other = configs["officer"], configs["other"]
    where = ("words", "-n", tenant)

    for words in (("list", *where), ("export", *where, "acme", "-o", "-"), ("delete", *where, "acme", "--yes")):
        code, text = state(other, *words)
        assert code == 1, text
        assert "genapps-state" in text
    pod = child_name(tenant, "words")
    secret = yaml.safe_load(officer.read_text())["users"][0]["user"]["token"]
    with Api(node, secret) as api:
        for way in ("exec", "portforward"):
            answer = api.ask(*enter(way, RUN_NAMESPACE, pod))
            assert answer.code == http.client.FORBIDDEN, answer
    assert asked("GET", "acme") == "of acme"

    code, text = state(officer, "list", *where)
    assert code == 0, text
    assert {line.split()[3] for line in text.splitlines()[1:]} >= {"acme", "globex"}
    target = tmp_path / "acme.jsonl"
    code, text = state(officer, "export", *where, "acme", "-o", str(target))
    assert code == 0, text
    lines = [json.loads(line) for line in target.read_text().splitlines()]
    assert {"key": "word", "value": '"of acme"'} in lines
    assert "globex" not in target.read_text()
    assert target.stat().st_mode & 0o777 == 0o600
    code, text = state(officer, "delete", *where, "acme", "--yes")
    assert code == 0, text
    assert (asked("GET", "acme"), asked("GET", "globex")) == ("none", "of globex")

    log = [json.loads(line) for line in installed("logs", "-n", RUN_NAMESPACE, pod).splitlines()]
    said = [line for line in log if line["event"] == "state operation"]
    assert [(line["operation"], line["code"]) for line in said] == [("list", "ok"), ("export", "ok"), ("delete", "ok")]
    assert {line["by"] for line in said} == {f"system:serviceaccount:{tenant}:officer"}

    installed.apply({**manifest, "spec": {**manifest["spec"], "operatingMode": "Suspended"}})
    installed("wait", "--for=delete", f"pod/{pod}", "-n", RUN_NAMESPACE, "--timeout=60s")
    code, text = state(officer, "list", *where)
    assert code == 1, text
    assert "let it run" in text
