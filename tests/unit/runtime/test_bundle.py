# SPDX-License-Identifier: Apache-2.0
"""Reading the code that is mounted: with its folders, as the kubelet lays them out, and nothing beside them."""

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from genapps_runtime.bundle import BUNDLE_BYTES, BUNDLE_FILES, Bundle, load_message, read_bundle
from genapps_runtime.termination import Reason, RefusedError
from tests.runtime.harness import bundle_digest

FILES = {
    "app.py": b"import pkg.mod\n",
    "pkg/__init__.py": b"",
    "pkg/mod.py": b"x = 1\n",
    "public/.well-known/security.txt": b"Contact: us\n",
    "public/index.html": b"<p>",
    "rates.json": b"[1]",
}
DIGEST = bundle_digest("app.py", FILES)


def mounted(directory: Path, files: dict[str, bytes]) -> Path:
    """As the kubelet's writer leaves a volume: one folder with everything, a link to it, and links through that."""
    version = directory / "..2026_11_29_12_00_00.1"
    for path, content in files.items():
        (version / path).parent.mkdir(parents=True, exist_ok=True)
        (version / path).write_bytes(content)
    (directory / "..data").symlink_to(version.name)
    for name in {path.partition("/")[0] for path in files}:
        (directory / name).symlink_to(f"..data/{name}")
    return version


def refusal(directory: Path, entry: str = "app.py", digest: str = DIGEST) -> str:
    with pytest.raises(RefusedError) as refused:
        read_bundle(str(directory), entry, digest)
    assert refused.value.reason is Reason.SNAPSHOT_MISMATCH
    return refused.value.message


def test_files_are_read_below_folders_as_the_kubelet_mounts_them(tmp_path: Path) -> None:
    mounted(tmp_path, FILES)
    assert read_bundle(str(tmp_path), "app.py", DIGEST).files == FILES
    link = tmp_path.parent / "elsewhere"
    link.symlink_to(tmp_path)
    assert read_bundle(str(link), "app.py", DIGEST).files == FILES, "the mount itself may be a link"


def test_a_file_that_moved_to_another_path_is_other_code(tmp_path: Path) -> None:
    moved = {path.replace("pkg/mod.py", "pkg/mode.py"): content for path, content in FILES.items()}
    mounted(tmp_path, moved)
    assert "the pod expects" in refusal(tmp_path)


def _file_above(version: Path) -> None:
    (version.parent / "app.py").unlink()
    (version.parent / "app.py").symlink_to("../outside.py")


def _folder_above(version: Path) -> None:
    (version.parent / "pkg").unlink()
    (version.parent / "pkg").symlink_to("..")


def _this_folder(version: Path) -> None:
    (version.parent / "again").symlink_to(".")


def _file_outside(version: Path) -> None:
    (version / "pkg" / "mod.py").unlink()
    (version / "pkg" / "mod.py").symlink_to(version / "app.py")


def _folder_inside(version: Path) -> None:
    (version / "pkg" / "more").symlink_to("../public")


def _pipe(version: Path) -> None:
    os.mkfifo(version / "pkg" / "pipe")


def _socket(version: Path) -> None:
    here = Path.cwd()
    os.chdir(version / "pkg")  # the path of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind("s")
    finally:
        os.chdir(here)


def _hidden(version: Path) -> None:
    (version / "pkg" / "..data").mkdir()
    (version / "pkg" / "..data" / "x").write_bytes(b"")


def _strange(version: Path) -> None:
    (version / "pkg" / "two words.py").write_bytes(b"")


def _deep(version: Path) -> None:
    (version / "pkg/2/3/4/5/6/7/8").mkdir(parents=True)
    (version / "pkg/2/3/4/5/6/7/8/9").write_bytes(b"")


def _long(version: Path) -> None:
    (version / "pkg" / ("x" * 250)).write_bytes(b"")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_file_above, "'app.py' leads out of the code"),
        (_folder_above, "'pkg' leads out of the code"),
        (_this_folder, "'again' leads out of the code"),
        (_file_outside, "'pkg/mod.py' is neither a file nor a folder"),
        (_folder_inside, "'pkg/more' is neither a file nor a folder"),
        (_pipe, "'pkg/pipe' is neither a file nor a folder"),
        (_socket, "'pkg/s' is neither a file nor a folder"),
        (_hidden, "invalid file name: 'pkg/..data'"),
        (_strange, "invalid file name: 'pkg/two words.py'"),
        (_deep, "invalid file name: 'pkg/2/3/4/5/6/7/8/9'"),
        (_long, "invalid file name: 'pkg/xxx"),
    ],
)  # fmt: skip
def test_what_is_no_plain_file_below_the_mount_is_refused(
    tmp_path: Path, change: Callable[[Path], None], says: str
) -> None:
    (tmp_path / "outside.py").write_bytes(FILES["app.py"])
    (tmp_path / "code").mkdir()
    change(mounted(tmp_path / "code", FILES))
    assert says in refusal(tmp_path / "code")


@pytest.mark.parametrize("entry", ["../app.py", "pkg/mod.py", "..data", "", 'a"b', "a\n"])
def test_an_entry_is_a_plain_name(tmp_path: Path, entry: str) -> None:
    mounted(tmp_path, FILES)
    assert "invalid entry" in refusal(tmp_path, entry)


def test_a_bundle_of_the_largest_size_is_read_and_one_byte_or_file_more_is_not(tmp_path: Path) -> None:
    full = {f"a/{number}": bytes(BUNDLE_BYTES // 8) for number in range(8)}
    many = {f"b/{number}": b"" for number in range(BUNDLE_FILES - 8)}
    version = mounted(tmp_path, full | many)
    read_bundle(str(tmp_path), "app.py", bundle_digest("app.py", full | many))
    (version / "a" / "one").write_bytes(b"")
    assert f"more than {BUNDLE_FILES} files" in refusal(tmp_path)
    (version / "a" / "one").rename(version / "b" / "0")
    (version / "b" / "0").write_bytes(b"1")
    assert f"more than {BUNDLE_BYTES} bytes" in refusal(tmp_path)


def test_files_that_are_served_are_not_sent_into_the_guest() -> None:
    message = json.loads(load_message(Bundle("app.py", FILES), 100))
    assert message["files"].keys() == {"app.py", "pkg/__init__.py", "pkg/mod.py"}
    assert message["data"] == {"rates.json": {"text": "[1]"}}
    served = {"app.py": b"", "public/broken.py": b"\xff"}
    assert json.loads(load_message(Bundle("app.py", served), 100))["files"] == {"app.py": ""}


def test_modules_of_javascript_are_code_and_the_rest_is_data() -> None:
    files = {
        "app.js": b"\xef\xbb\xbfimport './lib/a.mjs'",
        "lib/a.mjs": b"",
        "a.json": b"{}",
        "a.ts": b"",
        "b.py": b"\xff",
    }
    message = json.loads(load_message(Bundle("app.js", files), 100, "javascript"))
    assert message["files"] == {"app.js": "import './lib/a.mjs'", "lib/a.mjs": ""}
    assert message["data"] == {"a.json": {"text": "{}"}, "a.ts": {"text": ""}, "b.py": {"base64": "/w=="}}
    with pytest.raises(RefusedError, match=r"a\.js is not UTF-8 text") as refused:
        load_message(Bundle("app.js", {**files, "a.js": b"\xff"}), 100, "javascript")
    assert refused.value.reason is Reason.CODE_REJECTED
