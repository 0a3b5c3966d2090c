# SPDX-License-Identifier: Apache-2.0
"""One file of a checkout of the web platform tests in the engine: its scripts as a module of an app."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from genapps_runtime.guest.engine import Language
from tests.support.guest import AppInEngine

_META = re.compile(r"^// META: (\w+)=(.*)$", re.MULTILINE)
_UNDECLARED = re.compile(r"ReferenceError: (\w+) is not defined")
_NAMED = re.compile(r"[\"'`](/?[\w./-]+\.(?:json|txt|csv))[\"'`]")


@dataclass(frozen=True)
class Outcome:
    """`test` is the file, with the query of its variant, and after " :: " the name of the subtest."""

    test: str
    passed: bool
    message: str


def files(checkout: Path, folder: str) -> Iterator[str]:
    """The files below a folder that ask for no document, in their order, as paths from the checkout."""
    found = [folder] if (checkout / folder).is_file() else sorted((checkout / folder).rglob("*.any.js"))
    for path in found:
        yield (checkout / path).relative_to(checkout).as_posix()


def run(language: Language, checkout: Path, file: str) -> Iterator[Outcome]:
    """Each subtest, of each variant. A file that cannot run at all is one that failed, without a name."""
    text = (checkout / file).read_text(encoding="utf-8")
    meta = _META.findall(text)
    places = [_place(checkout, file, value.strip()) for name, value in meta if name == "script"]
    if missing := [place for place in places if not place.is_file()]:
        yield Outcome(file, False, f"the checkout has no {missing[0].relative_to(checkout)}")
        return
    scripts = [place.read_text(encoding="utf-8") for place in places]
    source = "\n".join([*scripts, text])
    app = {
        "app.js": Path(__file__).with_name("app.js").read_bytes(),
        "testharness.js": (checkout / "resources" / "testharness.js").read_bytes(),
        "test.js": f"export default function () {{{source}\n}}".encode("utf-8", "surrogatepass"),
        "resources.json": json.dumps(_resources(checkout, file, source)).encode(),
    }
    for variant in [value.strip() for name, value in meta if name == "variant"] or [""]:
        yield from _run(language, app, f"{file}{variant}", f"/{variant}", [])


def _run(language: Language, app: dict[str, bytes], name: str, target: str, undeclared: list[str]) -> Iterator[Outcome]:
    """Each subtest of a variant.

    In sloppy scripts an assignment declares a name. In modules it fails; then the name is declared for it.
    """
    try:
        files = {**app, "undeclared.json": json.dumps(undeclared).encode()}
        answer = AppInEngine(language, files, "app.js", "javascript").call("GET", target)
    except Exception as error:
        yield Outcome(name, False, f"{type(error).__name__}: {error}")
        return
    if answer.status != 200:
        yield Outcome(name, False, f"{answer.code}: {answer.detail} {answer.trace}")
        return
    found = answer.json()
    broken = found["broken"]
    missing = _UNDECLARED.match(broken or "")
    if missing is not None and missing[1] not in undeclared:
        yield from _run(language, app, name, target, [*undeclared, missing[1]])
        return
    if broken is not None:
        yield Outcome(name, False, broken)
    for subtest, outcome, message in found["tests"]:
        yield Outcome(f"{name} :: {subtest}", outcome == "PASS", f"{outcome} {message or ''}".strip())


def _place(checkout: Path, file: str, name: str) -> Path:
    return checkout / name.lstrip("/") if name.startswith("/") else (checkout / file).parent / name


def _resources(checkout: Path, file: str, source: str) -> dict[str, str]:
    """The texts that the source names, by the names it gives them."""
    places = {name: _place(checkout, file, name) for name in sorted(set(_NAMED.findall(source)))}
    return {name: path.read_text(encoding="utf-8", errors="replace") for name, path in places.items() if path.is_file()}
