# SPDX-License-Identifier: Apache-2.0
"""Apps whose code is an image, against a registry that comes and goes: the operator as a process, no kubelet."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from genapps.api import names
from genapps.api.digests import bundle_digest
from tests.support.operator_process import World, world
from tests.support.registry import Registry, digest_of, serving
from tools.kubectl import Kubectl, condition, until
from tools.node import Node

FILES = {"main.py": b"import words\n", "words.py": b"GREETING = 'hello'\n"}


class Setting:
    """A world with a registry that can be switched off."""

    def __init__(self, here: World, registry: Registry) -> None:
        self.here = here
        self.registry = registry

    def apply(self, name: str, reference: str, **spec: object) -> None:
        code = {"language": "python", "source": {"image": {"reference": reference}}}
        self.here.kubectl.apply(self.here.app(name, code=code, **spec))

    def running(self, name: str, reference: str) -> dict[str, Any]:
        """Apply, and wait until it answers as far as a pod that is declared ready can."""
        self.apply(name, reference)
        pod = self.here.until_pod(name)
        self.here.make_ready(name)
        self.here.until_condition(name, "Ready", "True", "Available")
        return pod

    def allow(self, *registries: str) -> None:
        patch = f'{{"spec":{{"policy":{{"imageRegistries":[{",".join(f"{one!r}" for one in registries)}]}}}}}}'
        self.here.kubectl("patch", "appbudget", self.here.namespace, "--type=merge", "-p", patch.replace("'", '"'))


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("images")


@pytest.fixture(scope="module")
def setting(bare: Node, bare_kubectl: Kubectl, directory: Path) -> Iterator[Setting]:
    with (
        serving(directory) as registry,
        world(bare_kubectl, bare, directory / "log", GENAPPS_REGISTRY_CA=str(registry.ca)) as here,
    ):
        made = Setting(here, registry)
        made.allow(f"{registry.host}/team")
        yield made


@contextmanager
def no_registry(setting: Setting) -> Iterator[None]:
    """Meanwhile it answers nothing but errors."""
    kept, setting.registry.contents = setting.registry.contents, {}
    setting.registry.statuses = dict.fromkeys(kept, 503)
    try:
        yield
    finally:
        setting.registry.contents, setting.registry.statuses = kept, {}


def test_an_app_from_an_image_gets_a_pod_with_exactly_its_files(setting: Setting) -> None:
    here, reference = setting.here, setting.registry.push(FILES, entry="main.py")
    pod = setting.running("pulled", reference)
    code = bundle_digest("main.py", FILES)
    (name,) = names.code_snapshot_names(here.child("pulled"), code, None)
    snapshot = here.kubectl.get("configmap", name, here.run)
    assert snapshot["immutable"] is True
    assert {file: text.encode() for file, text in snapshot["data"].items()} == FILES
    assert code in str(pod)
    assert here.get("pulled")["status"]["codeDigest"] == code


def test_an_image_is_pulled_once_and_outlives_its_registry(setting: Setting) -> None:
    here, registry = setting.here, setting.registry
    setting.running("lasting", registry.push({"app.py": b"# lasting\n"}))
    pod, asked = here.uid("pod", "lasting"), len(registry.asked)
    assert here.operator.stop() == 0
    with no_registry(setting):
        here.operator.start()
        reconciled = "controller_runtime_reconcile_total"
        until(lambda: here.operator.metric(reconciled) >= 2 and here.operator.idle(), 60, "the first passes")
        here.kubectl("delete", "pod", here.child("lasting"), "-n", here.run, "--wait=false")
        here.until_pod("lasting", other_than=pod)
        here.make_ready("lasting")
        here.until_condition("lasting", "Ready", "True", "Available")
    assert registry.asked[asked:] == []


def test_the_largest_bundle_gets_all_its_parts_and_a_pod_also_without_its_registry(setting: Setting) -> None:
    here, size = setting.here, 1024 * 1024
    files = {"app.py": b"# large\n", "public/index.html": b"<p>", "pkg/__init__.py": b""}
    files |= {f"public/{number}.txt": b"\n" * size for number in range(4)}
    files |= {f"public/{number}.bin": b"\x01" * size for number in range(3)}
    files["public/rest.bin"] = b"\xff" * (8 * size - sum(map(len, files.values())))
    pod = setting.running("large", setting.registry.push(files))
    mounted = _code_volume(pod)
    assert sorted(mounted) == sorted(files)
    for name in {part for part, _ in mounted.values()}:
        snapshot = here.kubectl.get("configmap", name, here.run)
        assert snapshot["immutable"] is True
        text, binary = snapshot.get("data", {}), snapshot.get("binaryData", {})
        found = {key: content.encode() for key, content in text.items()}
        found |= {key: base64.b64decode(content) for key, content in binary.items()}
        assert found == {key: files[path] for path, (part, key) in mounted.items() if part == name}
    assert here.operator.stop() == 0
    uid = here.uid("pod", "large")
    with no_registry(setting):
        here.operator.start()
        here.kubectl("delete", "pod", here.child("large"), "-n", here.run, "--wait=false")
        here.until_pod("large", other_than=uid)
        assert _code_volume(here.kubectl.get("pod", here.child("large"), here.run)) == mounted
        here.make_ready("large")
        here.until_condition("large", "CodeVerified", "True", "Verified")


def test_parts_of_old_code_go_with_it(setting: Setting) -> None:
    here = setting.here
    for number in range(7):
        files = {"app.py": b"# %d\n" % number, "public/index.html": b"<p>"}
        uid = here.uid("pod", "often") if number else ""
        setting.apply("often", setting.registry.push(files))
        here.until_pod("often", other_than=uid)
        here.make_ready("often")
        here.until_condition("often", "Ready", "True", "Available")
    until(lambda: len(here.snapshots("often")) == 10, 30, "five revisions")


def _code_volume(pod: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """By path the ConfigMap and the key that hold the file."""
    volume = next(volume for volume in pod["spec"]["volumes"] if volume["name"] == "code")
    sources = [source["configMap"] for source in volume["projected"]["sources"]]
    return {item["path"]: (source["name"], item["key"]) for source in sources for item in source["items"]}


def test_a_running_app_runs_on_while_its_next_image_cannot_be_pulled(setting: Setting) -> None:
    here = setting.here
    setting.running("patient", setting.registry.push({"app.py": b"# one\n"}))
    pod = here.uid("pod", "patient")
    following = setting.registry.push({"app.py": b"# two\n"})
    with no_registry(setting):
        setting.apply("patient", following)
        here.until_condition("patient", "CodeVerified", "False", "SourceUnavailable")
        assert condition(here.get("patient"), "Ready")["status"] == "True"
        assert here.uid("pod", "patient") == pod
    # Nobody touches the app: the next attempt finds the registry again.
    here.until_pod("patient", other_than=pod)
    here.make_ready("patient")
    here.until_condition("patient", "CodeVerified", "True", "Verified")


def test_what_cannot_be_pulled_starts_nothing_and_says_why(setting: Setting) -> None:
    here, registry = setting.here, setting.registry
    missing = f"{registry.host}/team/app@{digest_of(b'nothing')}"
    setting.apply("missing", missing)
    found = here.until_condition("missing", "Stalled", "True", "SourceNotFound")
    assert f"{registry.host}/team/app" in found["message"]
    setting.apply("numeric", registry.push({"app.py": b"import numpy\n"}))
    found = here.until_condition("numeric", "CodeVerified", "False", "ModuleNotAvailable")
    assert "numpy (app.py, line 1)" in found["message"]
    assert here.find("pod", "missing") is None
    assert here.find("pod", "numeric") is None


def test_a_registry_that_the_budget_does_not_list_is_not_even_asked(setting: Setting) -> None:
    here, registry = setting.here, setting.registry
    reference = registry.push({"app.py": b"# elsewhere\n"}, repository="team-b/app")
    setting.apply("elsewhere", reference)
    found = here.until_condition("elsewhere", "EnvelopeValid", "False", "ImageRegistryNotAllowed")
    assert f"{registry.host}/team." in found["message"]
    assert not [path for path in registry.paths if "team-b" in path]
    setting.allow(f"{registry.host}/team", f"{registry.host}/team-b")
    here.until_pod("elsewhere")
    assert [path for path in registry.paths if "team-b" in path]


def test_a_registry_that_is_gone_delays_no_other_app(setting: Setting, tmp_path: Path) -> None:
    here = setting.here
    with serving(tmp_path) as dead:
        gone = dead.host
    setting.allow(f"{setting.registry.host}/team", gone)
    for number in range(5):
        setting.apply(f"gone-{number}", f"{gone}/app@{digest_of(b'%d' % number)}")
    setting.apply("alive", setting.registry.push({"app.py": b"# alive\n"}))
    here.until_pod("alive")
    for number in range(5):
        here.until_condition(f"gone-{number}", "Stalled", "True", "SourceUnavailable")
