# SPDX-License-Identifier: Apache-2.0
"""Artifacts with folders: files whose titles are paths, and folders that `oras push` has packed."""

import gzip
import io
import tarfile

import pytest

from genapps.api.reasons import Reason
from genapps.registry.artifact import PullError, Reference
from genapps.registry.pull import Access, pull
from tests.support.registry import TITLE, Registry, manifest

LIMIT = 1024 * 1024
TAR = "application/vnd.oci.image.layer.v1.tar"


async def refused(reference: str, access: Access) -> PullError:
    with pytest.raises(PullError) as refusal:
        await pull(Reference.parse(reference), access)
    return refusal.value


def archive(files: dict[str, bytes], mode: str = "w:gz") -> bytes:
    """As `oras push` packs a folder: with entries for the folders too."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as tar:  # type: ignore[call-overload]
        for folder in {path.rpartition("/")[0] for path in files if "/" in path}:
            entry = tarfile.TarInfo(folder)
            entry.type = tarfile.DIRTYPE
            tar.addfile(entry)
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return made.getvalue()


async def test_files_in_folders_are_layers_with_a_path_for_a_title(registry: Registry, access: Access) -> None:
    files = {"app.py": b"x", "public/index.html": b"<p>", "pkg/sub/mod.py": b""}
    assert (await pull(Reference.parse(registry.push(files)), access)).files == files


async def test_packed_folders_stand_beside_files(registry: Registry, access: Access) -> None:
    public, pkg = archive({"public/index.html": b"<p>", "public/a/b.js": b"1"}), archive({"pkg/x.py": b""}, "w")
    layers = [registry.layer("app.py", b"x = 1\n")]
    for title, content in (("public", public), ("pkg", pkg)):
        notes = {TITLE: title, "io.deis.oras.content.unpack": "true"}
        layers.append(registry.layer(title, content, annotations=notes))
    found = await pull(Reference.parse(registry.put(manifest(layers))), access)
    assert found.files == {
        "app.py": b"x = 1\n",
        "public/index.html": b"<p>",
        "public/a/b.js": b"1",
        "pkg/x.py": b"",
    }


@pytest.mark.parametrize("mode", ["w", "w:gz"])
async def test_one_archive_may_be_the_whole_bundle(registry: Registry, access: Access, mode: str) -> None:
    files = {"./app.py": b"x", "./public/index.html": b"<p>"}
    media = TAR + ("+gzip" if mode == "w:gz" else "")
    one = registry.layer("", archive(files, mode), annotations={}, mediaType=media)
    found = await pull(Reference.parse(registry.put(manifest([one]))), access)
    assert found.files == {"app.py": b"x", "public/index.html": b"<p>"}


def folder(registry: Registry, *contents: bytes) -> str:
    """The reference of an artifact with these packed folders and `app.py`."""
    notes = {TITLE: "src", "io.deis.oras.content.unpack": "true"}
    layers = [registry.layer("src", content, annotations=notes) for content in contents]
    return registry.put(manifest([registry.layer("app.py", b"x"), *layers]))


async def test_many_small_bombs_are_one_large_one(registry: Registry, access: Access) -> None:
    """Each holds as much as a bundle may have; together they would take gigabytes, or minutes to look through."""
    full = [archive({f"{n}/{m}": bytes(LIMIT) for m in range(7)}) for n in range(20)]
    assert sum(map(len, full)) < 8 * LIMIT
    found = await refused(folder(registry, *full), access)
    assert found.reason is Reason.SOURCE_TOO_LARGE
    assert "has more than" in str(found)
    empty = [gzip.compress(_folders(n)) for n in range(30)]
    found = await refused(folder(registry, *empty), access)
    assert found.reason is Reason.SOURCE_TOO_LARGE


def _folders(number: int) -> bytes:
    """An archive of 500 KiB that holds folders only."""
    entry = tarfile.TarInfo(f"folder-{number}")
    entry.type = tarfile.DIRTYPE
    return entry.tobuf() * 1000


@pytest.mark.parametrize(
    ("contents", "reason", "says"),
    [
        ([{"app.py": b"y"}], Reason.SOURCE_INVALID, "two layers have the file app.py"),
        ([{"a/b": b"1"}, {"a/b": b"1", "a/c": b""}], Reason.SOURCE_INVALID, "two layers have the file a/b"),
        ([{"app.py/b": b"1"}], Reason.SOURCE_INVALID, "'app.py' as a file and as a folder"),
        ([{"../b": b"1"}], Reason.SOURCE_INVALID, "the packed folder has the invalid path '../"),
        ([{f"a/{n}": b"" for n in range(300)}, {f"b/{n}": b"" for n in range(212)}], Reason.SOURCE_TOO_LARGE,
            "513 files"),
        ([{f"a/{n}": b"0" * LIMIT for n in range(8)}], Reason.SOURCE_TOO_LARGE, f"{8 * LIMIT + 1} bytes"),
        ([{"a": b"0" * (LIMIT + 1)}], Reason.SOURCE_TOO_LARGE, f"the maximum of one file is {LIMIT}"),
    ],
    ids=["a file twice", "in two folders", "file and folder", "upwards", "many", "much", "large"],
)  # fmt: skip
async def test_what_packed_folders_make_together_is_bounded(
    registry: Registry, access: Access, contents: list[dict[str, bytes]], reason: Reason, says: str
) -> None:
    found = await refused(folder(registry, *map(archive, contents)), access)
    assert found.reason is reason
    assert says in str(found)
