# SPDX-License-Identifier: Apache-2.0
"""Small apps as code generators write them, in all forms. Each answers its calls in a pod (corpus/README.md)."""

import asyncio
import base64
import difflib
import json
import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from tests.runtime.harness import Answer, Pod, until
from tests.runtime.javascript.served import Served
from tests.support.packages import installed

CORPUS = Path(__file__).parent / "corpus"
README = Path(__file__).resolve().parents[2] / "README.md"
APPS = sorted(path.parent for path in CORPUS.glob("*/*/calls.yaml") if path.parts[-3] != "javascript")
"""Those in Python (tests/runtime/javascript/test_corpus.py has the others)."""
FLASK = ("flask", "werkzeug", "jinja2", "itsdangerous", "click", "blinker", "markupsafe")
ORIGINALS = sorted(CORPUS.glob("*/*/*_original.py"))
UNCHANGED = [
    path
    for path in ORIGINALS
    if path.stem == "flask_original" and "restart" not in path.with_name("calls.yaml").read_text(encoding="utf-8")
]
"""Those that keep no data."""


def name_of(folder: Path) -> str:
    return str(folder.relative_to(CORPUS))


@pytest.mark.parametrize("folder", APPS, ids=name_of)
async def test_an_app_of_the_corpus_answers_as_it_should(folder: Path, pod: Pod) -> None:
    await answers(pod, *case(folder))


@pytest.mark.parametrize("original", UNCHANGED, ids=lambda original: name_of(original.parent))
async def test_an_app_of_flask_answers_unchanged_when_flask_is_vendored(original: Path, pod: Pod) -> None:
    source, (_, steps) = read(original), case(original.parent)
    steps = [{name: one for name, one in step.items() if name != "header"} for step in steps]  # Flask has its own
    await answers(pod, {"app.py": source, **installed(*FLASK)}, steps)


def read(path: Path) -> bytes:
    return path.read_bytes()


async def answers(pod: Pod | Served, files: dict[str, bytes], steps: list[Any], **changes: Any) -> None:
    """Start the app, send its calls and check what comes; `changes` as of `runtime_config`."""
    pod.write(files, **changes)
    await pod.start()
    kept: dict[str, str] = {}
    for number, step in enumerate(steps, 1):
        if step == "restart":
            assert await pod.stop() == 0
            await pod.start()
        elif "tick" in step:
            assert isinstance(pod, Served), "the clock of a pod is not ours"
            await pod.tick(step["tick"])
        elif "tool" in step:
            for connector, result in step["tool"].items():
                pod.gateway.answers[connector] = 200, {"result": result}
        else:
            calls = step.get("together") or [step]
            found = await asyncio.gather(*(call(pod, wanted, kept) for wanted in calls))
            for wanted, answer in zip(calls, found, strict=True):
                check(f"call {number}, {wanted['call']}", wanted, answer, kept)
                if "log" in wanted:
                    await logged(pod, answer, *wanted["log"])


def case(folder: Path) -> tuple[dict[str, bytes], list[Any]]:
    """The files of an app, with Flask where it needs that, and what is done with it."""
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    steps = yaml.safe_load(files.pop("calls.yaml"))
    if isinstance(steps, dict):
        steps = yaml.safe_load((CORPUS / steps["same_as"] / "calls.yaml").read_text(encoding="utf-8"))
    vendored = installed(*FLASK) if folder.parent.name == "flask" else {}
    return {path: content for path, content in files.items() if not path.endswith("_original.py")} | vendored, steps


async def call(pod: Pod | Served, wanted: dict[str, Any], kept: dict[str, str]) -> Answer:
    """Send it; `${name}` stands for what was kept."""
    method, target = filled(wanted["call"], kept).split(" ", 1)
    options: dict[str, Any] = {"headers": filled(wanted.get("headers", {}), kept)}
    if "files" in wanted:
        fields = {name: expanded(value) for name, value in wanted.get("form", {}).items()}
        options["data"] = aiohttp.FormData(fields, quote_fields=False)
        for name, (filename, kind, content) in wanted["files"].items():
            options["data"].add_field(name, expanded(content), filename=filename, content_type=kind)
    elif "form" in wanted:
        options["data"] = {name: expanded(value) for name, value in wanted["form"].items()}
    elif "body" in wanted:
        options["data"] = expanded(wanted["body"])
    elif "json" in wanted:
        options["json"] = wanted["json"]
    return await pod.call(method, target, **options)


def filled(value: Any, kept: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: filled(one, kept) for name, one in value.items()}
    return re.sub(r"\$\{(\w+)\}", lambda found: kept[found[1]], value) if isinstance(value, str) else value


def expanded(content: Any) -> Any:
    """A long text in its short form, or bytes in base64."""
    if not isinstance(content, dict):
        return content
    if "base64" in content:
        return base64.b64decode(content["base64"])
    return content.get("after", "") + content["repeat"] * content["times"]


def check(what: str, wanted: dict[str, Any], answer: Answer, kept: dict[str, str]) -> None:
    """Compare an answer with what is wanted, and keep parts of it."""
    text = answer.body.decode("utf-8", "replace")
    whole = "".join(f"{name}: {value}\n" for name, value in answer.fields) + "\n" + text
    assert answer.status == wanted.get("status", 200), f"{what}: {answer.status}\n{whole}"
    if "gives" in wanted:
        assert json.loads(text) == filled(wanted["gives"], kept), what
    if "text" in wanted:
        assert text == expanded(wanted["text"]), what
    for name, value in wanted.get("header", {}).items():
        assert answer.headers.get(name) == value, f"{what}: {name}"
    for part in wanted.get("contains", []):
        assert part in whole, what
    for part in wanted.get("without", []):
        assert part not in whole, what
    if "matches" in wanted:
        assert re.search(wanted["matches"], text), f"{what}\n{whole}"
    for name, pattern in wanted.get("keep", {}).items():
        found = re.search(pattern, whole)
        assert found, f"{what}: nothing to keep as {name}\n{whole}"
        kept[name] = found[1]


async def logged(pod: Pod | Served, answer: Answer, level: str, message: str) -> None:
    """Wait for the log line of a request, and look for a record in it."""
    lines: list[dict[str, Any]] = []

    def written() -> bool:
        lines[:] = [line for line in pod.log() if line["requestId"] == answer.headers["genapps-request-id"]]
        return bool(lines)

    await until(written)
    records = [(record["level"], record["message"]) for record in lines[0]["log"]]
    assert any(found == level and text.startswith(message) for found, text in records), records


def changed_lines(original: str, ported: str) -> int:
    """Lines that are replaced, removed or added; blank ones do not count."""
    one, other = ([line for line in text.splitlines() if line.strip()] for text in (original, ported))
    steps = difflib.SequenceMatcher(None, one, other, autojunk=False).get_opcodes()
    return sum(max(i2 - i1, j2 - j1) for kind, i1, i2, j1, j2 in steps if kind != "equal")


def test_the_readme_says_how_many_lines_a_mini_app_changes() -> None:
    counts: dict[str, list[int]] = {}
    for original in ORIGINALS:
        ported = (original.parent / "app.py").read_text(encoding="utf-8")
        counts.setdefault(original.stem, []).append(changed_lines(original.read_text(encoding="utf-8"), ported))
    workers, fastapi, flask = (sorted(counts[f"{name}_original"]) for name in ("workers", "fastapi", "flask"))
    said = "Mini-apps changed {}/{}/{} lines for Workers, {}/{}/{} for FastAPI, {}/{}/{} for Flask (0 when vendored)."
    assert said.format(*workers, *fastapi, *flask) in " ".join(README.read_text(encoding="utf-8").split())
