# SPDX-License-Identifier: Apache-2.0
"""Where the code comes from: live reads of labelled ConfigMaps, and of nothing else's content."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from genapps.api.generatedapp import GeneratedApp
from genapps.api.reasons import Reason
from genapps.controller.cache.children import ImageSnapshot
from genapps.controller.cache.parse import version
from genapps.controller.cache.store import Store
from genapps.controller.code.image_pulls import ImagePulls
from genapps.controller.code.sources import Sources
from genapps.core.observed import Bundle, NotAsked, Snapshotted, SourceProblem
from tests.support.scripted_server import Script, json, refusal, serve
from tests.unit.controller.world import no_pull


def app(**source: Any) -> GeneratedApp:
    return GeneratedApp.model_validate(
        {
            "metadata": {"namespace": "team", "name": "app", "uid": "u1"},
            "spec": {
                "envelope": {"owner": {"team": "t"}, "riskClass": "low"},
                "code": {"language": "python", "source": source or {"configMap": {"name": "code", "entry": "app.py"}}},
                "tier": "small",
                "budget": "b",
            },
        }
    )


def config_map(number: int = 5, label: str = "true", text: str = "x") -> dict[str, Any]:
    metadata = {"namespace": "team", "name": "code", "resourceVersion": str(number)}
    return {"metadata": {**metadata, "labels": {"genapps.dev/source": label}}, "data": {"app.py": text}}


@dataclass
class Setting:
    sources: Sources
    labelled: Store[str]
    script: Script

    def asked_for_content(self) -> int:
        return sum("PartialObjectMetadata" not in asked.headers["Accept"] for asked in self.script.asked)


@pytest.fixture
async def setting() -> AsyncIterator[Setting]:
    script = Script()
    async with serve(script) as client:
        labelled = Store[str](version, lambda *_: None)
        yield Setting(Sources(client, labelled, ImagePulls(no_pull, lambda _: None)), labelled, script)


async def test_inline_code_needs_no_request(setting: Setting) -> None:
    assert await setting.sources.bundle(app(inline="x = 1")) == Bundle("app.py", {"app.py": b"x = 1"})
    assert setting.script.asked == []


async def test_the_content_of_a_config_map_without_label_is_never_fetched(setting: Setting) -> None:
    for label in ("false", "", "True"):
        setting.script.answers = [json(config_map(label=label))]
        found = await setting.sources.bundle(app())
        assert isinstance(found, SourceProblem)
        assert found.reason == Reason.SOURCE_NOT_LABELLED
    assert setting.asked_for_content() == 0


async def test_a_missing_config_map_is_a_finding(setting: Setting) -> None:
    setting.script.answers = [refusal(404)]
    found = await setting.sources.bundle(app())
    assert isinstance(found, SourceProblem)
    assert found.reason == Reason.SOURCE_NOT_FOUND


async def test_a_label_that_goes_between_the_two_reads_is_noticed(setting: Setting) -> None:
    setting.script.answers = [json(config_map()), json(config_map(label="false"))]
    found = await setting.sources.bundle(app())
    assert isinstance(found, SourceProblem)
    assert found.reason == Reason.SOURCE_NOT_LABELLED


async def test_content_is_fetched_once_per_version(setting: Setting) -> None:
    setting.script.answers = [json(config_map(5))]
    setting.labelled.changed(config_map(5))
    first = await setting.sources.bundle(app())
    assert await setting.sources.bundle(app()) == first == Bundle("app.py", {"app.py": b"x"})
    assert setting.asked_for_content() == 1
    setting.script.answers = [json(config_map(6, text="y"))]
    setting.labelled.changed(config_map(6))
    assert await setting.sources.bundle(app()) == Bundle("app.py", {"app.py": b"y"})
    assert setting.asked_for_content() == 2


async def test_what_is_kept_stays_within_its_bound(setting: Setting) -> None:
    for number in range(1, 21):
        setting.script.answers = [json(config_map(number, text="x" * 900_000))]
        setting.labelled.changed(config_map(number))
        await setting.sources.bundle(app())
    assert setting.sources._bundles.size <= 16 * 1024 * 1024
    asked = setting.asked_for_content()
    await setting.sources.bundle(app())
    assert setting.asked_for_content() == asked, "the newest is among those kept"


async def test_other_items_of_the_same_version_are_another_bundle(setting: Setting) -> None:
    setting.script.answers = [json(config_map(5)), json(config_map(5))]
    setting.labelled.changed(config_map(5))
    plain = await setting.sources.bundle(app())
    items = [{"key": "app.py", "path": "app.py"}]
    assert await setting.sources.bundle(app(configMap={"name": "code", "entry": "app.py", "items": items})) == plain
    assert setting.asked_for_content() == 2


IMAGE = "sha256:" + "a" * 64


def from_image() -> GeneratedApp:
    return app(image={"reference": f"registry.example/team/app@{IMAGE}"})


async def test_a_registry_that_no_budget_allows_is_not_asked(setting: Setting) -> None:
    snapshot = ImageSnapshot(IMAGE, Snapshotted("app.py", "sha256:" + "b" * 64))
    found = await setting.sources.bundle(from_image(), [snapshot], may_pull=False)
    assert found == NotAsked()
    assert setting.script.asked == []


async def test_an_image_of_which_there_is_a_snapshot_is_not_pulled_again(setting: Setting) -> None:
    code = Snapshotted("app.py", "sha256:" + "b" * 64)
    other = ImageSnapshot("sha256:" + "c" * 64, Snapshotted("old.py", "sha256:" + "d" * 64))
    found = await setting.sources.bundle(from_image(), [other, ImageSnapshot(IMAGE, code)], may_pull=True)
    assert found == code
