# SPDX-License-Identifier: Apache-2.0
"""Code is scanned once per digest, whatever asks for it."""

import asyncio
import threading
from collections.abc import Mapping

from genapps.api.reasons import Reason
from genapps.api.source import Language
from genapps.controller.code.scans import Scans
from genapps.core.observed import Bundle, SourceProblem

PROBLEM = SourceProblem(Reason.MODULE_NOT_AVAILABLE, "no")


class Scanner:
    def __init__(self) -> None:
        self.seen: list[Mapping[str, bytes]] = []

    def __call__(self, entry: str, files: Mapping[str, bytes]) -> SourceProblem | None:
        self.seen.append(files)
        return PROBLEM if files[entry] else None


async def test_a_bundle_is_scanned_once() -> None:
    scanner = Scanner()
    scans = Scans({Language.PYTHON: scanner})
    good, bad = Bundle("app.py", {"app.py": b""}), Bundle("app.py", {"app.py": b"x"})
    assert [await scans.scanned(Language.PYTHON, bundle) for bundle in (good, bad, good, bad)] == [
        None,
        PROBLEM,
        None,
        PROBLEM,
    ]
    assert scanner.seen == [good.files, bad.files]


async def test_results_are_kept_within_a_bound() -> None:
    scanner = Scanner()
    scans = Scans({Language.PYTHON: scanner})
    for number in range(5000):
        await scans.scanned(Language.PYTHON, Bundle("app.py", {"app.py": b"%d" % number}))
    assert len(scans._found) == 4096


async def test_each_language_has_its_scan() -> None:
    python, javascript = Scanner(), Scanner()
    scans = Scans({Language.PYTHON: python, Language.JAVASCRIPT: javascript})
    bundle = Bundle("app.js", {"app.js": b"x"})
    assert [await scans.scanned(language, bundle) for language in Language] == [PROBLEM, PROBLEM, None]
    assert (python.seen, javascript.seen) == ([bundle.files], [bundle.files])


async def test_javascript_is_scanned_as_such() -> None:
    found = await Scans().scanned(Language.JAVASCRIPT, Bundle("app.js", {"app.js": b"import x from 'y'"}))
    assert found is not None
    assert "y (app.js, line 1)" in found.message


async def test_small_code_waits_for_no_large_one() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def scan(_: str, files: Mapping[str, bytes]) -> SourceProblem | None:
        if len(files["app.py"]) > 64 * 1024:
            begun.set()
            assert go_on.wait(30)
        return None

    scans = Scans({Language.PYTHON: scan})
    large = asyncio.ensure_future(scans.scanned(Language.PYTHON, Bundle("app.py", {"app.py": b"#" * 70_000})))
    assert await asyncio.to_thread(begun.wait, 30)
    assert await scans.scanned(Language.PYTHON, Bundle("app.py", {"app.py": b"#"})) is None
    assert not large.done()
    go_on.set()
    await large
