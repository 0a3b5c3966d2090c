# SPDX-License-Identifier: Apache-2.0
"""`genapps bundle` makes a folder into a bundle, with packages from a lock file, and refuses what cannot run."""

import gzip
import hashlib
import io
import tarfile
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from genapps.api.digests import bundle_digest
from genapps.api.source import Code
from genapps.cli.main import main
from genapps.core.code.source import source_of
from genapps.core.observed import Bundle
from genapps.registry.archive import unpack
from tests.support.packages import Index, wheel

APP = "from genapps import app\nimport words\n\n@app.get('/')\ndef hello(request):\n    return words.hello\n"


@pytest.fixture
def app(tmp_path: Path) -> Path:
    folder = tmp_path / "my-app"
    (folder / "inner").mkdir(parents=True)
    (folder / "app.py").write_text("import inner.a\n")
    (folder / "inner" / "__init__.py").write_text("")
    (folder / "inner" / "a.py").write_text("x = 'gr\u00fc\u00df'\n")
    (folder / "inner" / "dot.bin").write_bytes(b"\xff\x00")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "app.pyc").write_bytes(b"")
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("")
    (folder / "link.py").symlink_to(folder / "app.py")
    return folder


@pytest.fixture
def index(tmp_path: Path) -> Index:
    folder = tmp_path / "index"
    folder.mkdir()
    return Index(folder)


FILES = {
    "app.py": b"import inner.a\n",
    "inner/__init__.py": b"",
    "inner/a.py": "x = 'gr\u00fc\u00df'\n".encode(),
    "inner/dot.bin": b"\xff\x00",
}


def run(*arguments: object, index: Index | None = None) -> Result:
    return CliRunner(env=index.environment if index else None).invoke(main, ["bundle", *map(str, arguments)])


def files_in(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_folder_has_the_files_of_the_app_and_nothing_that_tools_left(app: Path, tmp_path: Path) -> None:
    told = run(app, "-o", tmp_path / "out")
    assert told.exit_code == 0, told.output
    assert files_in(tmp_path / "out") == FILES
    assert bundle_digest("app.py", FILES) in told.output
    assert "oras push REGISTRY/REPOSITORY:TAG app.py inner" in told.output
    again = run(app, "-o", tmp_path / "out")
    assert (again.exit_code, "is no empty folder" in again.output) == (1, True)


def test_a_config_map_has_a_key_for_each_path(app: Path, tmp_path: Path) -> None:
    told = run(app, "-o", tmp_path / "code.yaml", "--form", "configmap")
    assert told.exit_code == 0, told.output
    manifest = yaml.safe_load((tmp_path / "code.yaml").read_text(encoding="utf-8"))
    assert manifest["metadata"] == {"name": "my-app", "labels": {"genapps.dev/source": "true"}}
    code = yaml.safe_load(told.output.partition("In the app's spec:\n")[2])["code"]
    found = source_of(Code.model_validate(code), manifest)
    assert isinstance(found, Bundle)
    assert (found.entry, dict(found.files), found.digest) == ("app.py", FILES, code["digest"])


@pytest.mark.parametrize(("arguments", "said"), [(("--entry", "inner/a.py"), "entry"), (("--name", "No Name"), "name")])
def test_what_a_config_map_cannot_be_called_is_refused(
    app: Path, tmp_path: Path, arguments: tuple[str, str], said: str
) -> None:
    told = run(app, "-o", tmp_path / "code.yaml", "--form", "configmap", *arguments)
    assert (told.exit_code, said in told.output) == (1, True), told.output
    assert not (tmp_path / "code.yaml").exists()


def test_a_config_map_without_folders_needs_no_items(tmp_path: Path) -> None:
    folder = tmp_path / "flat"
    folder.mkdir()
    (folder / "app.py").write_text("x = 1\n")
    told = run(folder, "-o", folder / "code.yaml", "--form", "configmap", "--name", "other")
    assert told.exit_code == 0, told.output
    assert "items" not in told.output
    assert yaml.safe_load((folder / "code.yaml").read_text())["data"] == {"app.py": "x = 1\n"}
    again = run(folder, "-o", folder / "code.yaml", "--form", "configmap", "--name", "other")
    assert again.output == told.output  # what it wrote itself is no file of the app


def test_the_entry_tells_the_language(tmp_path: Path) -> None:
    folder = tmp_path / "my-app"
    (folder / "lib").mkdir(parents=True)
    (folder / "app.js").write_text("import './lib/a.mjs'\n")
    (folder / "lib" / "a.mjs").write_text("export const a = 1\n")
    told = run(folder, "-o", tmp_path / "code.yaml", "--form", "configmap")
    assert told.exit_code == 0, told.output
    code = yaml.safe_load(told.output.partition("In the app's spec:\n")[2])["code"]
    assert (code["language"], code["source"]["configMap"]["entry"]) == ("javascript", "app.js")
    assert "oras push REGISTRY" in run(folder, "-o", tmp_path / "out").output
    (folder / "main.mjs").write_text("import './lib/a.mjs'\n")
    told = run(folder, "-o", tmp_path / "other", "--entry", "main.mjs")
    assert "oras push --annotation dev.genapps.entry=main.mjs REGISTRY" in told.output


def test_a_layer_has_the_same_bytes_whoever_makes_it_and_when(app: Path, tmp_path: Path) -> None:
    for name in ("one.tgz", "two.tgz"):
        assert run(app, "-o", tmp_path / name, "--form", "layer").exit_code == 0
        for file in app.rglob("*.py"):
            file.touch()
    one, two = ((tmp_path / name).read_bytes() for name in ("one.tgz", "two.tgz"))
    assert hashlib.sha256(one).hexdigest() == hashlib.sha256(two).hexdigest()
    assert unpack(gzip.decompress(one)) == FILES  # as the operator reads it
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(one))) as archive:
        members = archive.getmembers()
    assert {(member.mtime, member.uid, member.mode) for member in members} == {(0, 0, 0o644)}


@pytest.mark.parametrize(
    ("files", "arguments", "said"),
    [
        ({"start.py": b""}, (), "has no file app.py, app.js, app.wasm or app.ts; name the entry file with --entry"),
        ({"app.py": b""}, ("--entry", "start.py"), "has no file start.py"),
        ({"app.rb": b""}, ("--entry", "app.rb"), "name a file that ends in .py, .js, .mjs, .ts, .mts or .wasm"),
        ({"app.js": b"", "requirements.txt": b""}, ("--with", "a"), "--with takes packages of Python"),
        ({"app.js": b"import a from 'left-pad'"}, (), "Module not available to apps: left-pad (app.js, line 1)"),
        ({"app.py": b"import missing\n"}, (), "Module not available to apps: missing (app.py, line 1)"),
        ({"app.py": b"", "two words.txt": b""}, (), "the invalid path 'two words.txt'"),
        ({"app.py": b"", "a/b/c/d/e/f/g/h/i": b""}, (), "the invalid path"),
        ({"app.py": b"", "large.bin": b"0" * (1024 * 1024 + 1)}, (), "the maximum of a file is 1048576"),
        ({"app.py": b"", **{f"{n}.txt": b"" for n in range(512)}}, (), "has 513 files"),
        ({"app.py": b"", **{f"{n}.txt": b"0" * 1024 * 1024 for n in range(8)}, "one.txt": b"0"}, (), "8388609 bytes"),
        ({"app.py": b"", "large.bin": b"0" * (1024 * 1024)}, ("--form", "configmap", "--name", "a"), ""),
        ({"app.py": b"#", "large.bin": b"0" * (1024 * 1024)}, ("--form", "configmap"), "the maximum of a ConfigMap"),
        ({"app.py": b"", "site-packages/a.py": b""}, ("--with", "a"), "has a folder site-packages/ already"),
        ({"app.py": b""}, ("--with", "a"), "requirements.txt cannot be read"),
        ({"app.py": b"", "requirements.txt": b"a==1\n"}, ("--with", "a"), "line 1: a has no --hash=sha256"),
    ],
)  # fmt: skip
def test_what_can_be_no_bundle_is_refused(
    tmp_path: Path, files: dict[str, bytes], arguments: tuple[str, ...], said: str
) -> None:
    for path, content in files.items():
        place = tmp_path / "app" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    told = run(tmp_path / "app", "-o", tmp_path / "out", *arguments)
    assert (told.exit_code, said in told.output) == (bool(said), True), told.output
    assert (tmp_path / "out").exists() is not bool(said)


def test_a_package_comes_with_what_it_needs_and_nothing_else(tmp_path: Path, index: Index) -> None:
    needs = "Inner_Words>=1", "other ; extra == 'all'", "windows; sys_platform == 'a'", "marked; python_version < '3'"
    index.add("words", wheel("words", {
        "words/__init__.py": b"from inner_words import hello\n", "words/py.typed": b"", "words/a.pyi": b"",
        "words/tests/test_a.py": b"", "words/data/hello.txt": b"hello", "words/__pycache__/a.pyc": b"",
        "words-1.0.data/scripts/words": b"#!", "words-1.0.data/purelib/more.py": b"",
        "words-1.0.dist-info/entry_points.txt": b"[a]\nb = words\n", "evil.pth": b"import os",
    }, *needs))  # fmt: skip
    index.add("inner_words", wheel("inner_words", {"inner_words.py": b"hello = 'hi'\n"}))
    index.add("unwanted", wheel("unwanted", {"unwanted.py": b""}))
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "app.py").write_text(APP)
    marked = f"marked==1.0 ; python_version < '3' --hash=sha256:{'0' * 64}\n"
    (folder / "requirements.txt").write_text(f"# of pip-compile\n{index.lock()}{marked}")
    told = run(folder, "-o", tmp_path / "out", "--with", "Words", index=index)
    assert told.exit_code == 0, told.output
    found = files_in(tmp_path / "out")
    packages = {path.removeprefix("site-packages/") for path in found if path.startswith("site-packages/")}
    assert packages == {
        "words/__init__.py", "words/data/hello.txt", "more.py", "words-1.0.dist-info/METADATA",
        "words-1.0.dist-info/entry_points.txt", "words-1.0.dist-info/licenses/LICENSE", "inner_words.py",
        "inner_words-1.0.dist-info/METADATA", "inner_words-1.0.dist-info/licenses/LICENSE",
    }  # fmt: skip
    assert found.keys() - {f"site-packages/{path}" for path in packages} == {"app.py"}
    assert b"long description" not in found["site-packages/words-1.0.dist-info/METADATA"]


REFUSED = [
    ("a package that the lock lacks", {}, "words is not in the lock, and --with names it"),
    (
        "a package that needs one that the lock lacks",
        {"words": wheel("words", {"words.py": b""}, "inner")},
        "inner is not in the lock, and words needs it",
    ),
    (
        "native code in a wheel that says it has none",
        {"words": wheel("words", {"words/a.cpython-314-x86_64-linux-gnu.so": b""})},
        "words has native code (words/a.cpython-314-x86_64-linux-gnu.so)",
    ),
    (
        "a path that leads out of the bundle",
        {"words": wheel("words", {"words.py": b"", "../../app.py": b""})},
        "the invalid path 'site-packages/../../app.py'",
    ),
]


@pytest.mark.parametrize(("wheels", "said"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_cannot_be_vendored_is_refused(tmp_path: Path, index: Index, wheels: dict[str, bytes], said: str) -> None:
    for name, content in wheels.items():
        index.add(name, content)
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "app.py").write_text(APP)
    (tmp_path / "lock").write_text(index.lock())
    told = run(tmp_path / "app", "-o", tmp_path / "out", "--lock", tmp_path / "lock", "--with", "words", index=index)
    assert (told.exit_code, said in told.output) == (1, True), told.output
    assert not (tmp_path / "out").exists()


def test_a_wheel_that_is_not_the_one_of_the_lock_is_refused(tmp_path: Path, index: Index) -> None:
    index.add("words", wheel("words", {"words.py": b"hello = 1\n"}))
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "app.py").write_text(APP)
    (tmp_path / "app" / "requirements.txt").write_text(index.lock())
    index.add("words", wheel("words", {"words.py": b"hello = 'evil'\n"}))
    told = run(tmp_path / "app", "-o", tmp_path / "out", "--with", "words", index=index)
    assert (told.exit_code, "words: pip cannot fetch it" in told.output) == (1, True), told.output
    assert "HASH" in told.output.upper()


def test_a_source_distribution_is_never_built(tmp_path: Path, index: Index) -> None:
    content = gzip.compress(b"")
    (index.folder / "words-1.0.tar.gz").write_bytes(content)
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "app.py").write_text(APP)
    (tmp_path / "app" / "requirements.txt").write_text(
        f"words==1.0 --hash=sha256:{hashlib.sha256(content).hexdigest()}"
    )
    told = run(tmp_path / "app", "-o", tmp_path / "out", "--with", "words", index=index)
    assert (told.exit_code, "A wheel of pure Python is needed" in told.output) == (1, True), told.output


def test_a_package_is_taken_without_its_native_code_when_that_is_said(tmp_path: Path, index: Index) -> None:
    native = {"words/__init__.py": b"hello = 1\n", "words/_fast.cpython-314-x86_64-linux-gnu.so": b"\x7fELF"}
    index.add("words", wheel("words", native))
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "app.py").write_text(APP)
    (tmp_path / "app" / "requirements.txt").write_text(index.lock())
    told = run(tmp_path / "app", "-o", tmp_path / "out", "--without-native", "words", index=index)
    assert told.exit_code == 0, told.output
    assert [path.name for path in (tmp_path / "out" / "site-packages" / "words").iterdir()] == ["__init__.py"]
