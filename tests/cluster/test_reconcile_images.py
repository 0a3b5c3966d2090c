# SPDX-License-Identifier: Apache-2.0
"""Apps whose code is an image, against a registry that comes and goes: the operator as a process, no kubelet."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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

    def running(self, name: str, reference: str) -> dict[str, object]:
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
    name = names.code_snapshot_name(here.child("pulled"), code)
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
