# SPDX-License-Identifier: Apache-2.0
"""Which files have to name their licence, where the line goes, and that a second run changes nothing."""

from pathlib import Path

import pytest

from tools import spdx

LINE = "SPDX-License-Identifier: Apache-2.0"


@pytest.mark.parametrize(
    ("name", "mark"),
    [
        ("operator/src/genapps/api/names.py", "#"),
        ("runtime-image/engines/python/engine.py", "#"),
        ("charts/genapps/files/fence.py", "#"),
        ("tests/golden/desired/test_desired.py", "#"),
        ("tests/oracles/cyclonus/main.go", "//"),
        ("bench/peer/host.mjs", "//"),
        ("operator/Dockerfile", "#"),
        ("Makefile", "#"),
        (".ci/run", "#"),
        ("deploy/argocd/genapps.dev/GeneratedApp/health.lua", "--"),
    ],
)
def test_source_files_need_a_header(name: str, mark: str) -> None:
    assert spdx.comment(name) == mark


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "crds/ledgers.yaml",
        "deploy/argocd/genapps.dev/AppBudget/health.lua",
        "examples/helper.py",
        "tests/golden/desired/minimal/input.yaml",
        "tests/unit/node/golden/app-and-gateway.nft",
        "operator/src/genapps/py.typed",
    ],
)
def test_data_generated_files_and_example_apps_need_none(name: str) -> None:
    assert spdx.comment(name) is None


def test_the_header_is_the_first_line() -> None:
    assert spdx.with_header('"""A module."""\n', "#") == f'# {LINE}\n"""A module."""\n'


def test_the_header_stands_below_a_shebang() -> None:
    assert spdx.with_header("#!/bin/bash\nset -e\n", "#") == f"#!/bin/bash\n# {LINE}\nset -e\n"


def test_a_header_counts_only_near_the_top() -> None:
    assert spdx.has_header(f"#!/bin/bash\n\n# {LINE}\n")
    assert not spdx.has_header(f"1\n2\n3\n# {LINE}\n")
    assert not spdx.has_header(f"# {LINE}-or-later\n")


def test_only_files_that_say_something_and_lack_it_are_listed(tmp_path: Path) -> None:
    texts = {"bare.py": "x = 1\n", "empty.py": "", "licensed.py": f"# {LINE}\n", "notes.md": "text\n"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    assert list(spdx.lacking(tmp_path, [*texts, "gone.py"])) == [(tmp_path / "bare.py", "#")]
    (tmp_path / "bare.py").write_text(spdx.with_header(texts["bare.py"], "#"))
    assert list(spdx.lacking(tmp_path, texts)) == []
