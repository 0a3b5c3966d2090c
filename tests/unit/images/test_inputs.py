# SPDX-License-Identifier: Apache-2.0
"""Image tags: they name everything that a Dockerfile copies, and nothing else."""

from pathlib import Path

import pytest

from tools.images import inputs

DOCKERFILE = """
ARG BASE=python
FROM ${BASE} AS build
COPY --chown=0:0 locks/app.txt \\
     extra.txt /build/
FROM ${BASE}
COPY --from=build /opt /opt
COPY src/app /opt/app   # the code
"""


@pytest.fixture
def context(tmp_path: Path) -> Path:
    for name in ("locks/app.txt", "extra.txt", "src/app/main.py", "src/other.py", "README.md"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    return tmp_path


def tag(context: Path, base: str = "base") -> str:
    return inputs.digest(context, context / "Dockerfile", base)


def test_only_what_comes_from_the_context_counts() -> None:
    assert inputs.copied(DOCKERFILE) == ["locks/app.txt", "extra.txt", "src/app"]


@pytest.mark.parametrize("changed", ["locks/app.txt", "extra.txt", "src/app/main.py"])
def test_tag_changes_with_every_copied_file(context: Path, changed: str) -> None:
    before = tag(context)
    (context / changed).write_text("other")
    assert tag(context) != before


def test_tag_changes_with_base_and_dockerfile(context: Path) -> None:
    before = tag(context)
    assert tag(context, base="another") != before
    (context / "Dockerfile").write_text(DOCKERFILE + "USER 65532\n")
    assert tag(context) != before


def test_tag_stays_for_files_that_no_image_holds(context: Path) -> None:
    before = tag(context)
    (context / "README.md").write_text("other")
    (context / "src" / "other.py").write_text("other")
    cached = context / "src" / "app" / "__pycache__"
    cached.mkdir()
    (cached / "main.pyc").write_text("other")
    assert tag(context) == before


def test_missing_input_is_an_error(context: Path) -> None:
    (context / "extra.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"extra\.txt"):
        tag(context)
