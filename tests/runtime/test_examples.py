# SPDX-License-Identifier: Apache-2.0
"""The product's examples, with files and numbers as users have them: an answer, or 400 with a sentence."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from genapps_runtime.guest.engine import Language
from tests.runtime.harness import Pod
from tests.support.guest import AppInEngine
from tests.support.packages import installed

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="module")
def short_links(javascript_engine: Path) -> AppInEngine:
    manifest: dict[str, Any] = yaml.safe_load((EXAMPLES / "short-links.yaml").read_text())
    source = manifest["spec"]["code"]["source"]["inline"]
    return AppInEngine(Language(str(javascript_engine)), source, "app.js", "javascript")


@pytest.fixture(scope="module")
def example(engine: Path) -> Callable[[str], AppInEngine]:
    language = Language(str(engine))

    def loaded(name: str) -> AppInEngine:
        manifest: dict[str, Any] = yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text())
        return AppInEngine(language, manifest["spec"]["code"]["source"]["inline"])

    return loaded


NUMBERS = {"type": "number", "filled": 1, "empty": 0, "distinct": 1} | dict.fromkeys(("sum", "min", "mean", "max"), 5)


def test_files_as_spreadsheets_save_them_are_summed_up(example: Callable[[str], AppInEngine]) -> None:
    app = example("csv-summary")
    for body in (
        b"\xef\xbb\xbfdate,amount\r\n2026-01-01,5\r\n",
        b"date,amount\r2026-01-01,5\r",
        "date\tamount\r\n2026-01-01\t5\r\n".encode("utf-16"),
    ):
        columns = app.call("POST", "/", body).json()["columns"]
        assert columns["amount"] == NUMBERS | {"median": 5}
        assert columns["date"]["distinct"] == 1
    pandas = app.call("POST", "/", b"id,amount\n1,NaN\n2,5\n").json()["columns"]
    assert pandas["amount"] == NUMBERS | {"median": 5, "empty": 1}
    infinite = app.call("POST", "/", b"id,amount\n1,inf\n2,1e308\n").json()["columns"]
    assert infinite["amount"]["type"] == "text"
    assert app.call("POST", "/", b'id,text\n1,"' + b"x" * 200_000 + b'"\n').status == 200
    assert app.call("POST", "/", b"betrag;name\n1.234,56;x\n7,5;y\n").status == 200


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("id,Straße\n1,2\n".encode("latin-1"), "save it as CSV UTF-8"),
        (b"\xff\xfea", "save it as CSV UTF-8"),
        (b'a,b\n"x,1\n', "some rows have more or fewer fields"),
        (b"a,a\n1,2\n", "the header has a name twice"),
        (b"", "the file needs a header line"),
    ],
)
def test_files_that_cannot_be_summed_up_are_refused_with_a_sentence(
    example: Callable[[str], AppInEngine], body: bytes, said: str
) -> None:
    answered = example("csv-summary").call("POST", "/", body)
    assert answered.code == "BadRequest"
    assert said in answered.detail


def test_numbers_are_converted_or_refused_with_a_sentence(example: Callable[[str], AppInEngine]) -> None:
    app = example("unit-converter")
    for number in ("-500", "1_000", "%D9%A3"):
        assert app.call("GET", f"/convert?value={number}&from=mi&to=cm").status == 200
    for number in ("nan", "inf", "1e308", "3,5"):
        assert app.call("GET", f"/convert?value={number}&from=mi&to=cm").code == "BadRequest"
    assert len(app.call("GET", "/history").json()["history"]) == 3


def test_the_clock_drops_tasks_that_are_done_and_nobody_else_does(example: Callable[[str], AppInEngine]) -> None:
    app = example("task-list")
    for task in ("a", "b"):
        assert app.call("POST", "/tasks", b'{"task": "%b"}' % task.encode()).status == 200
    assert app.call("POST", "/tasks", b'{"task": ""}').code == "BadRequest"
    assert app.call("POST", "/done", b'{"task": "a"}').status == 200
    assert app.call("POST", "/done", b'{"task": "c"}').code == "BadRequest"
    tick = [(b"genapps-schedule", b"nightly")]
    assert app.call("POST", "/tidy-up", headers=tick).code == "BadRequest"
    assert app.call("GET", "/tasks").json() == {"a": "done", "b": "open"}
    assert app.call("POST", "/tidy-up", headers=tick, own=True).status == 200
    assert app.call("GET", "/tasks").json() == {"b": "open"}


async def test_a_page_and_its_api_are_one_app(pod: Pod) -> None:
    source, manifest = yaml.safe_load_all((EXAMPLES / "lunch-poll.yaml").read_text())
    mounted = manifest["spec"]["code"]["source"]["configMap"]
    assert mounted["name"] == source["metadata"]["name"]
    pod.write({item["path"]: source["data"][item["key"]].encode() for item in mounted["items"]})
    await pod.start()
    page = await pod.call("GET", "/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for asked in re.findall(r'(?:href|src)="([^"]+)"', page.body.decode()):
        found = await pod.call("GET", f"/{asked}", headers={"If-None-Match": page.headers["etag"]})
        assert found.status == 200
        assert (await pod.call("GET", f"/{asked}", headers={"If-None-Match": found.headers["etag"]})).status == 304
    assert (await pod.call("POST", "/api/votes", json={"dish": "soup"})).json()["soup"] == 1
    assert (await pod.call("POST", "/api/votes", json=["soup"])).code == "BadRequest"
    assert (await pod.call("GET", "/api/votes")).json() == {"soup": 1, "curry": 0, "salad": 0}


def test_a_diff_holds_texts_that_were_cut_within_a_character(example: Callable[[str], AppInEngine]) -> None:
    answered = example("text-diff").call("POST", "/", b'{"before": "a\\ud83d", "after": "b"}')
    assert answered.status == 200, answered.detail
    assert "-a\ufffd" in answered.body.decode().splitlines()


def test_the_markdown_page_works_with_its_vendored_package(engine: Path) -> None:
    source = (EXAMPLES / "markdown-page" / "app.py").read_bytes()
    app = AppInEngine(Language(str(engine)), {"app.py": source, **installed("markdown")})
    assert "<th>write</th>" in app.call("GET", "/notes/a").body.decode()
    assert app.call("PUT", "/notes/a", b"*hi* <script>").status == 200
    assert app.call("GET", "/notes/a").body == b"<p><em>hi</em> &lt;script&gt;</p>"
    assert app.call("PUT", "/notes/a").code == "BadRequest"


def test_a_short_link_leads_to_its_address_and_counts(short_links: AppInEngine) -> None:
    made = short_links.call("POST", "/links", b'{"url": "https://example.com/a?b=1"}')
    assert made.status == 201
    link = made.json()["link"]
    followed = short_links.call("GET", link)
    assert (followed.status, followed.all("location")) == (302, ["https://example.com/a?b=1"])
    assert short_links.call("GET", "/links").json() == [{"link": link, "url": "https://example.com/a?b=1", "used": 1}]


@pytest.mark.parametrize("body", [b"", b"{", b"{}", b"[]", b'{"url": "nowhere"}', b'{"url": "http://example.com"}'])
def test_what_is_no_address_is_refused_with_a_sentence(short_links: AppInEngine, body: bytes) -> None:
    answered = short_links.call("POST", "/links", body)
    assert answered.status == 400
    assert "address" in answered.json()["error"]
    assert short_links.call("GET", "/nowhere").status == 404
