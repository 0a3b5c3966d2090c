# SPDX-License-Identifier: Apache-2.0
"""An AppHold on the whole system: a family stops, and starts again by somebody with the verb only, a few at a time."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from genapps.api.fields import rfc3339
from tests.support.apps import Manifest, app, child_of, is_true, ready, until_app
from tests.support.command import Command, as_holder
from tests.support.tenant import Tenant, token
from tools.kubectl import Kubectl, KubectlError, condition, until
from tools.node import Node

HOLD = "tests-incident"
TRIAL = """
    from genapps import app

    @app.get("/")
    async def here(request):
        return "here"
"""


@dataclass(frozen=True)
class Family:
    """Two ready apps of one family. The editor's own app is of none; a lead of their namespace may resume."""

    editor: Tenant
    admin: Command
    lead: Command
    dev: Command
    """May edit apps, and not resume them."""

    @property
    def kubectl(self) -> Kubectl:
        return self.editor.installed

    @property
    def name(self) -> str:
        """Nobody else's."""
        return self.editor.namespace

    def member(self, name: str, **spec: Any) -> Manifest:
        return app(name, self.editor.namespace, TRIAL, envelope={"family": self.name}, **spec)

    def seen(self, name: str) -> Manifest:
        return self.kubectl.get("generatedapp", name, self.editor.namespace)

    def held(self, *names: str) -> list[str]:
        """The ids of their suspensions, once their pods are gone."""
        found = [until_app(self.kubectl, self.member(name), is_true("Suspended", "Held")) for name in names]
        for each in found:
            until(lambda each=each: child_of(self.kubectl, each, "pods") is None, 60, "no pod")  # type: ignore[misc]
        return [each["status"]["suspension"]["id"] for each in found]

    def until_hold(self, **status: Any) -> None:
        """Until the hold says so."""

        def told() -> dict[str, Any]:
            said = self.kubectl.get("apphold", HOLD).get("status", {})
            return {name: said.get(name) for name in status}

        until(lambda: told() == status, 60, f"{status}")

    def until_lifted(self, *names: str) -> None:
        """Until the operator has judged them without the hold; none of them has started then."""
        for name in names:
            lifted = until_app(
                self.kubectl, self.member(name), lambda now: not now["status"]["suspension"].get("holds")
            )
            assert is_true("Suspended", "Held")(lifted)
            assert condition(lifted, "Ready")["status"] == "False"
            assert child_of(self.kubectl, lifted, "pods") is None


@pytest.fixture(scope="module")
def users(editor: Tenant, node: Node, tmp_path_factory: pytest.TempPathFactory) -> tuple[Command, Command]:
    """A lead of the editor's namespace, and its developer."""
    installed, namespace, folder = editor.installed, editor.namespace, tmp_path_factory.mktemp("users")
    secret = token(installed, namespace, "lead")
    account = f"--serviceaccount={namespace}:lead"
    installed("create", "rolebinding", "lead", "-n", namespace, "--clusterrole=admin", account)
    of_dev = installed("create", "token", "dev", "-n", namespace).strip()
    return as_holder(node, secret, folder / "lead"), as_holder(node, of_dev, folder / "dev")


@pytest.fixture
def family(editor: Tenant, node: Node, users: tuple[Command, Command]) -> Iterator[Family]:
    found = Family(editor, Command(node.kubeconfig), *users)
    for name in ("one", "two"):
        ready(editor.installed, found.member(name))
    yield found
    editor.installed("delete", "apphold", HOLD, "--ignore-not-found")


def order(family: Family) -> None:
    """The hold of the family, by the command."""
    ordered = family.admin("hold", HOLD, "--family", family.name, "--reason", "a test asks")
    assert (ordered.returncode, ordered.stderr) == (0, "")


def resume(user: Command, family: Family, *words: str) -> tuple[int, str, str]:
    done = user("resume", "--hold", HOLD, "-n", family.editor.namespace, *words)
    return done.returncode, done.stdout, done.stderr


def test_a_held_family_stands_still_until_somebody_with_the_verb_resumes_it(family: Family) -> None:
    previewed = family.admin("hold", "--dry-run", "--family", family.name).stdout
    assert "2 of " in previewed
    assert f"{family.name}  2" in previewed
    order(family)
    one, _ = family.held("one", "two")
    family.until_hold(active=True, matched=2, draining=0)
    assert "2 of them are suspended already" in family.admin("hold", "--dry-run", "--family", family.name).stdout
    family.kubectl.apply(family.member("late", acknowledgedSuspension=one))
    (late,) = family.held("late")
    assert late != one
    family.until_hold(active=True, matched=3, draining=0)
    assert family.editor.said() == "nightingale", "the neighbour goes on"
    code, told, _ = resume(family.lead, family)
    assert (code, told.count(f"left, AppHold {HOLD} is in force"), "0 resumed, 3 left." in told) == (1, 3, True)

    family.kubectl("delete", "apphold", HOLD)
    family.until_lifted("one", "two", "late")
    code, told, said = resume(family.dev, family)
    assert (code, "ask an administrator of the namespace" in said, "0 resumed, 3 left." in told) == (1, True, True)
    code, told, said = resume(family.lead, family, "--batch", "2")
    assert (code, said, told.splitlines()[-1]) == (0, "", "3 resumed, 0 left.")
    started = {name: is_true("Ready")(family.seen(name)) for name in ("late", "one", "two")}
    assert started == {"late": True, "one": True, "two": True}
    last = child_of(family.kubectl, family.member("two"), "pods")
    assert last is not None
    for name in ("late", "one"):
        assert last["metadata"]["creationTimestamp"] >= condition(family.seen(name), "Ready")["lastTransitionTime"]
    family.kubectl("delete", "gapp", "late", "-n", family.editor.namespace)


def test_a_hold_whose_time_is_over_starts_nothing_and_no_earlier_acknowledgement_counts(family: Family) -> None:
    order(family)
    earlier = dict(zip(("one", "two"), family.held("one", "two"), strict=True))
    family.kubectl("delete", "apphold", HOLD)
    family.until_lifted(*earlier)
    assert resume(family.lead, family)[0] == 0
    order(family)
    again = family.held(*earlier)
    assert not {*again} & {*earlier.values()}
    ends = {"spec": {"until": rfc3339(datetime.now(UTC) + timedelta(seconds=3))}}
    family.kubectl("patch", "apphold", HOLD, "--type=merge", "-p", json.dumps(ends))
    family.until_hold(active=False, matched=2)
    family.until_lifted(*earlier)
    for name, value in earlier.items():
        assert family.seen(name)["spec"]["acknowledgedSuspension"] == value, "it is there still, and has no effect"
    with pytest.raises(KubectlError, match=r"copy the id from status\.suspension\.id"):
        family.kubectl.apply(family.member("one", acknowledgedSuspension="0" * 32))
    assert resume(family.lead, family)[:2] == (0, resumed(family, *earlier))


def resumed(family: Family, *names: str) -> str:
    """What the command says when all of them are."""
    lines = [f"{family.editor.namespace}/{name}: resumed" for name in names]
    return "\n".join([*lines, f"{len(names)} resumed, 0 left.", ""])
