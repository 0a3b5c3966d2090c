# SPDX-License-Identifier: Apache-2.0
"""Apps in JavaScript and apps that are components, as their users have them."""

import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.memory import pids_of_pod, pss_mebibytes
from demo.callers import Pod, Reply
from genapps.api.names import LABEL_SOURCE
from tests.runtime.component.scripted import app as component
from tests.support.apps import Manifest, another_pod, app, is_true, log_lines, pod_of, ready, until_app
from tests.support.services import start_service
from tools.kubectl import Kubectl, condition, until

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "short-links.yaml"
CONNECTOR = "js-rates"
TREASURY = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Treasury(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", "14")
        self.end_headers()
        self.wfile.write(b'{"rate": 1.08}')
    def log_message(self, *_):
        pass
ThreadingHTTPServer(("", 8000), Treasury).serve_forever()
"""
APP_JS = """\
import { outcome } from "./lib/rates.js";
import words from "./words.json";

export default {
  async fetch(request, env) {
    const tool = new URL(request.url).pathname.slice(1);
    if (tool) return Response.json(await outcome(() => env.JS_RATES[tool]({ currency: "EUR" })));
    const links = await env.STATE.list({ prefix: "link/" });
    return Response.json({
      said: words.greeting,
      links: links.size,
      elsewhere: await outcome(() => env.PAYROLL.dump()),
      network: await outcome(() => fetch("https://payroll.example")),
    });
  },
};
"""
RATES_JS = """\
export async function outcome(call) {
  try {
    return await call();
  } catch (error) {
    return error.code ?? error.name;
  }
}
"""
FILES = {"app.js": APP_JS, "lib/rates.js": RATES_JS, "words.json": '{"greeting": "salut"}'}
PRYING = component(
    {
        "/pry": '{"calls":[{"id":2,"tool":{"connector":"payroll","tool":"dump","arguments":{}}}]}',
        '"ConnectorNotInEnvelope"': "200\0[]\0\0refused",
    }
)


def ask(caller: Pod, found: Manifest, path: str, method: str = "GET", body: str | None = None) -> Reply:
    return caller.request(method, found["status"]["url"] + path, {}, body)


def until_told(caller: Pod, found: Manifest, path: str, body: str) -> None:
    """Until the app answers with that, for instance when the way to a service is open; says what it told before."""
    told: list[Reply] = []

    def says() -> bool:
        told[:] = [ask(caller, found, path)]
        return told[0].body == body

    try:
        until(says)
    except AssertionError as error:
        error.add_note(str(told))
        raise


def memory(pod: Manifest) -> float:
    """MiB PSS of all its processes."""
    return pss_mebibytes(pids_of_pod(pod["metadata"]["uid"]))


def bundle(tenant: str, name: str, files: Mapping[str, bytes | str]) -> tuple[Manifest, dict[str, Any]]:
    """The ConfigMap of the files, and the source that an app takes them from. The first is the entry."""
    keys = {path: path.replace("/", "_") for path in files}
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": tenant, "labels": {LABEL_SOURCE: "true"}},
        "data": {keys[path]: content for path, content in files.items() if isinstance(content, str)},
        "binaryData": {
            keys[path]: base64.b64encode(content).decode()
            for path, content in files.items()
            if isinstance(content, bytes)
        },
    }
    items = [{"key": key, "path": path} for path, key in keys.items()]
    return config_map, {"configMap": {"name": name, "entry": next(iter(files)), "items": items}}


@pytest.fixture
def rates(installed: Kubectl, tenant: str) -> Iterator[str]:
    """A connector with the tool `latest`, to a Service of the tenant's namespace."""
    start_service(installed, tenant, "treasury", TREASURY)
    currency = {"type": "object", "required": ["currency"], "properties": {"currency": {"type": "string"}}}
    spec = {
        "type": "HTTP",
        "endpoint": {"service": {"namespace": tenant, "name": "treasury", "port": 80}},
        "namespaces": [tenant],
        "tools": [{"name": "latest", "method": "GET", "path": "/latest", "effect": "Read", "input": currency}],
    }
    installed.apply(
        {"apiVersion": "genapps.dev/v1alpha1", "kind": "Connector", "metadata": {"name": CONNECTOR}, "spec": spec}
    )
    yield CONNECTOR
    installed("delete", "connector", CONNECTOR)


def test_an_app_in_javascript_lives_as_one_in_python_does(
    installed: Kubectl, tenant: str, caller: Pod, rates: str
) -> None:
    manifest = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    manifest["metadata"]["namespace"] = manifest["spec"]["budget"] = tenant
    manifest["spec"]["envelope"]["connectors"] = [rates]
    manifest["spec"]["napAfter"] = "2s"
    found = ready(installed, manifest)
    made = ask(caller, found, "/links", "POST", '{"url": "https://example.com/way"}')
    assert made.status == 201
    pod = pod_of(installed, found)
    where = pod["metadata"]["name"], "-n", pod["metadata"]["namespace"]
    engines = "import os; print(sorted(os.listdir('/opt/genapps/engines')))"
    assert installed("exec", *where, "--", "python3", "-c", engines).strip() == "['javascript.cwasm', 'python.cwasm']"

    awake = memory(pod)
    until(lambda: log_lines(installed, pod, "napping"), what="a nap")
    until(lambda: memory(pod) < awake / 2, what="the end of the worker's memory")
    print(f"memory of a pod in JavaScript: {awake:.1f} MiB PSS idle, {memory(pod):.1f} MiB napping")
    assert "example.com/way" in ask(caller, found, "/links").body, "after the nap"

    installed("delete", "pod", *where)
    until(lambda: another_pod(installed, found, pod), what="another pod")
    found = until_app(installed, found, is_true("Ready"))
    assert "example.com/way" in ask(caller, found, "/links").body, "in another pod"

    config_map, manifest["spec"]["code"]["source"] = bundle(tenant, "modules", FILES)
    installed.apply(config_map)
    found = ready(installed, manifest)
    seen = json.loads(ask(caller, found, "/").body)
    assert seen == {"said": "salut", "links": 1, "elsewhere": "TypeError", "network": "TypeError"}
    until_told(caller, found, "/latest", '{"rate":1.08}')
    assert ask(caller, found, "/dump").body == '"ToolNotInContract"'
    counted = until_app(installed, found, lambda now: now["status"].get("violations", {}).get("count") == 1)
    (violation,) = counted["status"]["violations"]["recent"]
    assert (violation["rule"], violation["subject"]) == ("tool_not_in_contract", f"{rates}/dump")

    config_map, _ = bundle(tenant, "modules", FILES | {"lib/rates.js": f'// not there:\nimport "node:fs";\n{RATES_JS}'})
    installed.apply(config_map)
    refused = until_app(installed, found, lambda now: condition(now, "CodeVerified")["status"] == "False")
    told = condition(refused, "CodeVerified")
    assert told["reason"] == "ModuleNotAvailable"
    assert "node:fs (lib/rates.js, line 2)" in told["message"]
    assert ask(caller, found, "/latest").body == '{"rate":1.08}', "the code of before"


def test_a_component_answers_and_is_refused_a_connector_that_it_was_not_granted(
    installed: Kubectl, tenant: str, caller: Pod
) -> None:
    config_map, source = bundle(tenant, "component", {"app.wasm": PRYING})
    manifest = written_in_a_component(installed, tenant, "component", source)
    installed.apply(config_map)
    found = ready(installed, manifest)
    assert ask(caller, found, "/").body == "hello"
    assert ask(caller, found, "/pry").body == "refused"
    counted = until_app(installed, found, lambda now: now["status"].get("violations", {}).get("count") == 1)
    (violation,) = counted["status"]["violations"]["recent"]
    assert (violation["rule"], violation["subject"]) == ("connector_not_in_envelope", "payroll")


def test_a_component_that_is_none_is_refused_in_words(installed: Kubectl, tenant: str) -> None:
    config_map, source = bundle(tenant, "garbage", {"app.wasm": b"\0asm\x0d\0\1\0garbage"})
    installed.apply(config_map)
    manifest = written_in_a_component(installed, tenant, "garbage", source)
    installed.apply(manifest)
    found = until_app(installed, manifest, is_true("Stalled", "CodeRejected"))
    assert condition(found, "CodeVerified")["status"] == "False"
    assert "app.wasm" in condition(found, "CodeVerified")["message"]
    assert condition(found, "Ready")["status"] == "False"


def written_in_a_component(installed: Kubectl, tenant: str, name: str, source: dict[str, Any]) -> Manifest:
    """An app of that source, in a tenant that may have components."""
    languages = {"spec": {"policy": {"languages": ["python", "javascript", "component"]}}}
    installed("patch", "appbudget", tenant, "--type=merge", "-p", json.dumps(languages))
    manifest = app(name, tenant, "")
    manifest["spec"]["code"] = {"language": "component", "source": source}
    return manifest
