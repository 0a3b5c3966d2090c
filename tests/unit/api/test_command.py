# SPDX-License-Identifier: Apache-2.0
"""`genapps digest` prints what the operator computes."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from genapps.api.digests import bundle_digest
from genapps.api.modules import PYTHON_MODULES
from genapps.cli.main import main


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["digest", *map(str, arguments)])
    return result.exit_code, result.output.strip()


def test_a_file_counts_as_inline_source(tmp_path: Path) -> None:
    (tmp_path / "my_app.py").write_text("x = 1\n")
    assert run(tmp_path / "my_app.py") == (0, bundle_digest("app.py", {"app.py": b"x = 1\n"}))


def test_a_directory_counts_as_the_configmap_that_kubectl_makes_of_it(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import rates\n")
    (tmp_path / "rates.py").write_text("")
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "link.py").symlink_to(tmp_path / "app.py")
    assert run(tmp_path) == (0, bundle_digest("app.py", {"app.py": b"import rates\n", "rates.py": b""}))


def test_another_entry_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "start.py").write_text("")
    assert run(tmp_path, "--entry", "start.py") == (0, bundle_digest("start.py", {"start.py": b""}))


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"#" * 65_537, "the maximum of inline source is 65536"), (b"\xff", "not UTF-8 text")],
    ids=["too long to be inline", "no text"],
)
def test_what_cannot_be_inline_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "app.py").write_bytes(content)
    status, output = run(tmp_path / "app.py")
    assert status == 1
    assert message in output


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"start.py": b""}, "--entry"),
        ({"app.py": b"", "two words.py": b""}, "not a valid ConfigMap key"),
        ({"app.py": b"", "data.bin": b"0" * 1024 * 1024 + b"0"}, "the maximum of a ConfigMap is 1048576"),
    ],
    ids=["no entry", "a name that is no key", "too large for a ConfigMap"],
)
def test_what_a_configmap_cannot_hold_is_refused(tmp_path: Path, files: dict[str, bytes], message: str) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    status, output = run(tmp_path)
    assert status == 1
    assert message in output


def test_modules_lists_what_apps_can_import() -> None:
    listed = CliRunner().invoke(main, ["modules"])
    assert listed.exit_code == 0
    assert [line.partition(": ")[0] for line in listed.output.splitlines()] == ["genapps", *PYTHON_MODULES]
    assert "\nthreading: Locks, events and locals work." in listed.output


@pytest.mark.parametrize(
    ("name", "status", "says"),
    [
        ("json", 0, "json"),
        ("os.path", 0, "os.path: As `os`."),
        ("genapps", 0, "genapps"),
        ("selectors", 1, "selectors: not available to apps. Apps have no sockets to wait for."),
        ("tkinter.ttk", 1, "tkinter.ttk: not available to apps. Apps have no screen. Answer with HTML."),
        ("flask", 1, "flask: not available to apps. Write `from genapps import app`, and `@app.get("),
        ("nothing", 1, "nothing: not available to apps."),
    ],
)
def test_modules_says_what_to_use_in_place_of_one(name: str, status: int, says: str) -> None:
    told = CliRunner().invoke(main, ["modules", name])
    assert told.exit_code == status
    assert told.output.startswith(says)
