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


TREE = {
    "app.py": b"import rates\n",
    "rates.py": b"",
    "public/index.html": b"<p>",
    "public/.well-known/security.txt": b"Contact: us\n",
    "__pycache__/app.pyc": b"0",
    ".git/config": b"",
    "public/.cache/x": b"",
}


def tree(directory: Path) -> None:
    """Files, and what tools and links leave beside them."""
    for path, content in TREE.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_bytes(content)
    (directory / "link.py").symlink_to(directory / "app.py")
    (directory / "linked").symlink_to(directory / "public")


def test_a_directory_counts_with_its_folders_but_for_what_tools_leave(tmp_path: Path) -> None:
    tree(tmp_path)
    taken = ("app.py", "rates.py", "public/index.html", "public/.well-known/security.txt")
    assert run(tmp_path) == (0, bundle_digest("app.py", {path: TREE[path] for path in taken}))


def test_a_flat_directory_counts_as_the_configmap_that_kubectl_makes_of_it(tmp_path: Path) -> None:
    tree(tmp_path)
    assert run(tmp_path, "--flat") == (0, bundle_digest("app.py", {"app.py": b"import rates\n", "rates.py": b""}))


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


MIB = b"0" * 1024 * 1024


@pytest.mark.parametrize(
    ("files", "options", "message"),
    [
        ({"start.py": b""}, (), "--entry"),
        ({"app.py": b"", "two words.py": b""}, (), "the invalid path 'two words.py'"),
        ({"app.py": b"", "a/b/c/d/e/f/g/h/i": b""}, (), "at most 8 parts"),
        ({"app.py": b"", "a": MIB, "b": b"0"}, ("--flat",), "the maximum of a ConfigMap is 1048576"),
        ({"app.py": b"", "a": MIB + b"0"}, (), "the maximum of a file is 1048576"),
        ({"app.py": b"0", **{f"a/{number}": MIB for number in range(8)}}, (), "8388608 bytes; remove files"),
        ({"app.py": b"", **{f"a/{number}": b"" for number in range(512)}}, (), "more than 512 files"),
    ],
    ids=["no entry", "no path", "too deep", "too large for a ConfigMap", "a large file", "too large", "too many"],
)
def test_what_no_source_can_hold_is_refused(
    tmp_path: Path, files: dict[str, bytes], options: tuple[str, ...], message: str
) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    status, output = run(tmp_path, *options)
    assert status == 1
    assert message in output


def test_the_largest_bundle_has_a_digest(tmp_path: Path) -> None:
    files = {"app.py": b"", **{f"a/{number}": b"" for number in range(503)}}
    files |= {f"b/{number}": MIB for number in range(8)}
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    assert run(tmp_path) == (0, bundle_digest("app.py", files))


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
        ("fastapi.responses", 0, "fastapi.responses"),
        ("fastapi.security", 1, "fastapi.security: not available to apps. Apps do not see credentials."),
        ("bottle", 1, "bottle: not available to apps. Write `from genapps import app`, and `@app.get("),
        ("flask", 1, "flask: not available to apps. Flask runs when it is vendored: `genapps bundle PATH --with"),
        ("nothing", 1, "nothing: not available to apps."),
    ],
)
def test_modules_says_what_to_use_in_place_of_one(name: str, status: int, says: str) -> None:
    told = CliRunner().invoke(main, ["modules", name])
    assert told.exit_code == status
    assert told.output.startswith(says)
