# SPDX-License-Identifier: Apache-2.0
"""The apps in README, the pages and `genapps guide` load in the real engine, and every GET route of them answers."""

import re
from pathlib import Path

import pytest
import yaml

from genapps.laptop import guide_javascript, guide_python
from genapps_runtime.guest.engine import Language
from tests.runtime.fake_gateway import FakeGateway
from tests.runtime.harness import Pod
from tests.support.guest import AppInEngine
from tests.support.markdown import blocks, pages

EXAMPLE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ROUTE = re.compile(r"@app\.(get|post|put|patch|delete)\(")


def apps() -> list[tuple[str, str]]:
    """Page and source of each whole app: what has routes."""
    found = []
    for block in (block for page in pages() for block in blocks(page)):
        if block.language == "python":
            found.append((block.page, block.text))
        elif block.language == "yaml" and "kind: GeneratedApp" in block.text:
            source = yaml.safe_load(block.text)["spec"]["code"]["source"]
            found += [(block.page, source["inline"])] if "inline" in source else []
    found += [("genapps guide", source) for source in EXAMPLE.findall(guide_python.START + guide_python.TOOLS)]
    return [(page, source) for page, source in found if ROUTE.search(source)]


APPS = apps()


def test_readme_and_guide_hold_an_app_each() -> None:
    assert {"README.md", "docs/writing-apps.md"} <= {page for page, _ in APPS}
    assert "docs/javascript.md" in {page for page, _ in WORKERS}


WORKERS = [
    (block.page, block.text)
    for block in (block for page in pages() for block in blocks(page))
    if block.language == "javascript" and "export default" in block.text
]


@pytest.mark.parametrize(("page", "source"), WORKERS, ids=[page for page, _ in WORKERS])
def test_an_app_in_javascript_in_a_page_loads_and_answers(page: str, source: str, javascript_engine: Path) -> None:
    app = AppInEngine(Language(str(javascript_engine)), source, "app.js", "javascript")
    assert [app.call("GET", "/").status for _ in range(2)] == [200, 200], page


@pytest.mark.parametrize(("page", "source"), APPS, ids=[page for page, _ in APPS])
async def test_an_app_in_a_page_loads_and_answers(
    page: str, source: str, gateway: FakeGateway, engine: Path, tmp_path: Path
) -> None:
    gateway.pieces["ledger"] = [{"amount": 2}, {"amount": 3}]
    pod = Pod(tmp_path / "pod", gateway, engine)
    pod.write(source)
    await pod.start()
    routes = [re.sub(r"\{\w+(:path)?\}", "ada", path) for path in re.findall(r'@app\.get\("([^"]+)"\)', source)]
    statuses = [(await pod.call("GET", path)).status for path in routes * 2]
    await pod.stop()
    assert set(statuses) <= {200}, page


ASKED = (("PUT", '{"text": "hi"}'), ("GET", None))
IN_JAVASCRIPT = re.findall(
    r"^```javascript\n(.*?)^```$", guide_javascript.START + guide_javascript.TOOLS, re.MULTILINE | re.DOTALL
)


async def test_each_app_in_javascript_of_the_guide_loads_and_answers(
    gateway: FakeGateway, javascript_engine: Path, tmp_path: Path
) -> None:
    assert len(IN_JAVASCRIPT) == 3
    for number, source in enumerate(IN_JAVASCRIPT):
        pod = Pod(tmp_path / f"pod-{number}", gateway, javascript_engine)
        pod.write({"app.js": source.encode()}, language="javascript", entry="app.js", connectors=["fx-rates"])
        await pod.start()
        answers = [await pod.call(method, "/notes/ada", data=body) for method, body in ASKED]
        await pod.stop()
        assert {answer.status for answer in answers} <= {200, 201}, source
        if number == 0:
            assert answers[1].json() == {"text": "hi"}
