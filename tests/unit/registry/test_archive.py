# SPDX-License-Identifier: Apache-2.0
"""Packed folders from anybody: only plain files come out, and never more than a bundle may have."""

import gzip
import io
import tarfile
import zlib
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genapps.api.bundles import BUNDLE_BYTES, BUNDLE_FILES, COMPONENT_BYTES, FILE_BYTES
from genapps.registry.archive import MOST_BYTES, ArchiveError, ArchiveTooLargeError, decompressed
from genapps.registry.archive import unpack as unpack_archive

FILES = {"app.py": b"x = 1\n", "public/index.html": b"<p>" * 300, "pkg/empty": b"", f"pkg/{'n' * 180}.py": b"1" * 512}
FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]


def unpack(content: bytes) -> dict[str, bytes]:
    return unpack_archive(decompressed(content))


def entry(path: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, **changes: object) -> bytes:
    """One entry, with fields of its header changed."""
    info = tarfile.TarInfo(path)
    info.type, info.size = kind, len(content)
    for name, value in changes.items():
        setattr(info, name, value)
    padding = -len(content) % 512
    return info.tobuf(tarfile.GNU_FORMAT) + content + b"\0" * padding


def archive(*entries: bytes) -> bytes:
    return b"".join(entries) + b"\0" * 1024


def packed(files: Mapping[str, bytes], form: int) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=form) as tar:
        for path, content in files.items():
            info = tarfile.TarInfo(path)
            info.size, info.mtime = len(content), 1.5
            tar.addfile(info, io.BytesIO(content))
    return made.getvalue()


def with_header(content: bytes, at: int, field: bytes) -> bytes:
    """The first header with a field replaced, and a sum that fits it."""
    header = bytearray(content[:512])
    header[at : at + len(field)] = field
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + content[512:]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("wrap", [bytes, gzip.compress])
def test_files_come_out_as_they_went_in(form: int, wrap: Callable[[bytes], bytes]) -> None:
    files = {path: content for path, content in FILES.items() if form != tarfile.USTAR_FORMAT or len(path) < 100}
    assert unpack(wrap(packed(files, form))) == files


def test_folders_and_the_root_itself_are_passed_over() -> None:
    folders = [entry(name, kind=tarfile.DIRTYPE) for name in ("./", ".", "public/", "./public/a")]
    assert unpack(archive(*folders, entry("./public/a/b", b"1"))) == {"public/a/b": b"1"}


def test_notes_of_git_and_other_tools_are_passed_over() -> None:
    note = b"52 comment=0123456789012345678901234567890123456789\n"
    assert unpack(archive(entry("pax_global_header", note, tarfile.XGLTYPE), entry("a", b"1"))) == {"a": b"1"}


def test_what_stands_behind_the_end_does_not_count() -> None:
    assert unpack(archive(entry("a", b"1")) + entry("../b", b"2")) == {"a": b"1"}
    assert unpack(entry("a", b"1")) == {"a": b"1"}, "without an end"
    assert unpack(b"") == {}


REFUSED = [
    ("a path upwards", archive(entry("../a")), "the invalid path '../a'"),
    ("a path upwards inside", archive(entry("a/../../b")), "the invalid path"),
    ("a path from the root", archive(entry("/etc/passwd")), "the invalid path '/etc/passwd'"),
    ("a path of the kubelet's", archive(entry("..data/app.py")), "the invalid path"),
    ("a path twice from here", archive(entry("././a")), "the invalid path"),
    ("a folder upwards", archive(entry("../", kind=tarfile.DIRTYPE)), "the invalid path"),
    ("a path in other letters", archive(entry("caf\N{LATIN SMALL LETTER E WITH ACUTE}")), "the invalid path"),
    ("no path", archive(entry("")), "the invalid path ''"),
    ("a path upwards in an extended header",
        archive(entry("x", b"13 path=../b\n", tarfile.XHDTYPE), entry("a")), "the invalid path '../b'"),
    ("a path upwards as a long name", archive(entry("x", b"../b\0", tarfile.GNUTYPE_LONGNAME), entry("a")), "'../b'"),
    ("a path upwards in a prefix", with_header(with_header(entry("a"), 257, b"ustar\x0000"), 345, b".."),
        "the invalid path '../a'"),
    ("a link", archive(entry("a", kind=tarfile.SYMTYPE, linkname="/etc/passwd")), "has a link (a)"),
    ("a hard link", archive(entry("a", kind=tarfile.LNKTYPE, linkname="b")), "has a hard link (a)"),
    ("a device", archive(entry("a", kind=tarfile.CHRTYPE)), "has a device (a)"),
    ("a block device", archive(entry("a", kind=tarfile.BLKTYPE)), "has a device (a)"),
    ("a pipe", archive(entry("a", kind=tarfile.FIFOTYPE)), "has a pipe (a)"),
    ("a sparse file", archive(entry("a", kind=tarfile.GNUTYPE_SPARSE)), "something else than a file (a)"),
    ("a sparse file of pax", archive(entry("x", b"22 GNU.sparse.major=1\n", tarfile.XHDTYPE), entry("a")),
        "a sparse file"),
    ("a kind that nobody knows", archive(entry("a", kind=b"Z")), "something else than a file (a)"),
    ("a file twice", archive(entry("a", b"1"), entry("a", b"1")), "has a twice"),
    ("a file twice, spelled otherwise", archive(entry("a", b"1"), entry("./a", b"1")), "has a twice"),
    ("one name for all", archive(entry("x", b"10 path=a\n", tarfile.XGLTYPE), entry("b")), "for several files"),
    ("a wrong sum", archive(entry("a"))[:148] + b"0000000\0" + archive(entry("a"))[156:], "no tar archive"),
    ("a size below nothing", with_header(entry("a"), 124, b"-0000000001\0"), "no tar archive"),
    ("a size in binary", with_header(entry("a"), 124, b"\x80" + b"\xff" * 11), "no tar archive"),
    ("a negative size in binary", with_header(entry("a"), 124, b"\xff" * 12), "no tar archive"),
    ("a size of many terabytes", with_header(entry("a"), 124, b"77777777777\0"), "no tar archive"),
    ("a size of pax below nothing",
        archive(entry("x", b"11 size=-1\n", tarfile.XHDTYPE), entry("a")), "no tar archive"),
    ("a size of pax without end",
        archive(entry("x", b"26 size=99999999999999999\n", tarfile.XHDTYPE), entry("a")), "no tar archive"),
    ("an extended header that lies about its length",
        archive(entry("x", b"99 path=a\n", tarfile.XHDTYPE), entry("a")), "no tar archive"),
    ("an extended header of length nothing",
        archive(entry("x", b"0 path=a\n", tarfile.XHDTYPE), entry("a")), "no tar archive"),
    ("an extended header without a length", archive(entry("x", b"path=a\n", tarfile.XHDTYPE), entry("a")),
        "no tar archive"),
    ("an extended header of 16 KiB and a byte", archive(entry("x", b"1" * 16_385, tarfile.XHDTYPE)), "no tar archive"),
    ("text", b"import this\n" * 100, "no tar archive"),
    ("half a header", entry("a")[:300], "no tar archive"),
    ("half a file", entry("a", b"1" * 600)[:1000], "no tar archive"),
    ("gzip of nothing", b"\x1f\x8b", "is cut off"),
    ("broken gzip", b"\x1f\x8b" + b"\xff" * 50, "not compressed with gzip"),
    ("gzip that is cut off", gzip.compress(archive(entry("a", b"1")))[:-4], "is cut off"),
    ("gzip with another behind it", gzip.compress(archive(entry("a"))) * 2, "more behind its end"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "says"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_anything_else_is_refused(content: bytes, says: str) -> None:
    with pytest.raises(ArchiveError) as refusal:
        unpack(content)
    assert says in str(refusal.value)
    assert str(refusal.value).isascii()


def test_the_largest_folder_fits_and_one_byte_or_file_more_does_not() -> None:
    largest = [entry(f"a/{number}", b"0" * FILE_BYTES) for number in range(BUNDLE_BYTES // FILE_BYTES)]
    assert len(unpack(archive(*largest))) == 8
    with pytest.raises(ArchiveTooLargeError, match=f"more than {BUNDLE_BYTES} bytes"):
        unpack(archive(*largest, entry("b", b"1")))
    with pytest.raises(ArchiveTooLargeError, match="the maximum of one file"):
        unpack(archive(entry("b", b"1" * (FILE_BYTES + 1))))
    assert unpack(archive(entry("app.wasm", bytes(COMPONENT_BYTES))))
    for path, size in (("app.wasm", COMPONENT_BYTES + 1), ("a/b.wasm", FILE_BYTES + 1)):
        with pytest.raises(ArchiveTooLargeError, match="the maximum of one file"):
            unpack(archive(entry(path, bytes(size))))
    many = [entry(f"{number}") for number in range(BUNDLE_FILES)]
    assert len(unpack(archive(*many))) == BUNDLE_FILES
    with pytest.raises(ArchiveTooLargeError, match=f"more than {BUNDLE_FILES} files"):
        unpack(archive(*many, entry("b")))


def test_a_bomb_is_not_decompressed_to_its_end() -> None:
    stream = zlib.compressobj(wbits=31)
    block = b"\0" * 1024 * 1024
    bomb = b"".join(stream.compress(block) for _ in range(200)) + stream.flush()
    assert len(bomb) < 300_000
    with pytest.raises(ArchiveTooLargeError, match="more than"):
        unpack(bomb)
    with pytest.raises(ArchiveTooLargeError, match="more than"):
        unpack(b"\0" * (MOST_BYTES + 1))


@given(st.binary(max_size=2048), st.integers(0, 1500), st.booleans())
def test_whatever_comes_it_is_read_to_an_end(noise: bytes, at: int, compressed: bool) -> None:
    good = packed(FILES, tarfile.PAX_FORMAT)
    content = good[:at] + noise + good[at + len(noise) :]
    try:
        found = unpack(gzip.compress(content) if compressed else content)
    except ArchiveError:
        return
    assert sum(map(len, found.values())) <= BUNDLE_BYTES
