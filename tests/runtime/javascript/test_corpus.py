# SPDX-License-Identifier: Apache-2.0
"""Apps in JavaScript as code generators write them. Each answers its calls (tests/runtime/corpus/README.md)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from genapps_runtime.guest.engine import Language
from tests.runtime.fake_gateway import FakeGateway
from tests.runtime.harness import Pod
from tests.runtime.javascript.served import CONNECTORS, Served
from tests.runtime.test_corpus import CORPUS, answers, case

APPS = sorted(path.parent for path in CORPUS.glob("javascript/*/calls.yaml"))
DURABLE = ("kv_counter", "sql_guest_book", "webhook")
"""Those that run in a pod too, where the restart is one of a process."""


@pytest.fixture
async def served(javascript: Language, tmp_path: Path) -> AsyncIterator[Served]:
    served = Served(javascript, tmp_path / "state")
    yield served
    await served.stop()


@pytest.mark.parametrize("folder", APPS, ids=lambda folder: folder.name)
async def test_an_app_in_javascript_answers_as_it_should(folder: Path, served: Served) -> None:
    await answers(served, *case(folder))


@pytest.mark.parametrize("name", DURABLE)
async def test_an_app_in_javascript_keeps_its_state_when_its_pod_restarts(
    name: str, gateway: FakeGateway, javascript_engine: Path, tmp_path: Path
) -> None:
    pod = Pod(tmp_path / "pod", gateway, javascript_engine)
    files, steps = case(CORPUS / "javascript" / name)
    assert "restart" in steps
    await answers(pod, files, steps, language="javascript", entry="app.js", connectors=CONNECTORS)
    await pod.stop()


def test_the_corpus_has_thirty_apps_in_javascript() -> None:
    assert len(APPS) >= 30
