# SPDX-License-Identifier: Apache-2.0
"""How the bytes of a file of code become text: operator, runtime and Python itself agree."""

from collections.abc import Callable
from importlib.util import decode_source

import pytest

from genapps.core.code.encoding import source_text as operators
from genapps.core.code.encoding import utf8_text as operators_utf8
from genapps_runtime.source_text import source_text as runtimes
from genapps_runtime.source_text import utf8_text as runtimes_utf8

BOM = b"\xef\xbb\xbf"
ACCEPTED = [
    ("nothing", b""),
    ("plain UTF-8", "x = 'é'\n".encode()),
    ("a byte order mark", BOM + b"x = 1\n"),
    ("a byte order mark and CRLF", BOM + b"x = 1\r\ny = 2\r\n"),
    ("a coding line of UTF-8", BOM + b"# -*- coding: utf-8 -*-\nx = 1\n"),
    ("Latin 1", b"# -*- coding: latin-1 -*-\nx = '\xe9'\n"),
    ("Latin 1 by its other name", b"# vim: set fileencoding=iso_8859_1 :\nx = '\xe9'\n"),
    ("Windows' own", b"#!/usr/bin/python\r\n# coding: cp1252\r\nx = '\x80'\r\n"),
    ("the euro in Latin 9", b"\n# coding=iso-8859-15\nx = '\xa4'\n"),
    ("a coding line that comes too late", "x = 1\n# coding: latin-1\ny = 'é'\n".encode()),
    ("a third line", "#\n#\n# coding: latin-1\ny = 'é'\n".encode()),
]
REFUSED = [
    ("no UTF-8", b"a\xff", "is not UTF-8 text (byte 1)"),
    ("no UTF-8 after a mark", BOM + b"a\xff", "is not UTF-8 text (byte 4)"),
    ("an accent in ASCII", b"# coding: ascii\n\xe9\n", "is not ascii text (byte 16)"),
    ("a mark and another encoding", BOM + b"# coding: latin-1\n", "byte order mark"),
    ("an encoding that is none", b"# coding: klingon\n", "unknown encoding klingon"),
    ("a codec that is no encoding", b"# coding: zlib\n", "unknown encoding zlib"),
    ("a codec that is slow", b"# coding: idna\n" + b"a" * 10, "unknown encoding idna"),
]
both = pytest.mark.parametrize("source_text", [operators, runtimes], ids=["operator", "runtime"])


@both
@pytest.mark.parametrize(("what", "content"), ACCEPTED, ids=[row[0] for row in ACCEPTED])
def test_python_reads_the_same(source_text: Callable[[bytes], str], what: str, content: bytes) -> None:
    assert source_text(content).replace("\r\n", "\n") == decode_source(content), what


@both
@pytest.mark.parametrize(("what", "content", "said"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_is_no_source_is_refused(
    source_text: Callable[[bytes], str], what: str, content: bytes, said: str
) -> None:
    with pytest.raises(ValueError, match=said.replace("(", r"\(").replace(")", r"\)")):
        source_text(content)


@pytest.mark.parametrize("utf8_text", [operators_utf8, runtimes_utf8], ids=["operator", "runtime"])
def test_javascript_is_utf8_with_or_without_a_mark(utf8_text: Callable[[bytes], str]) -> None:
    assert utf8_text(BOM + "// coding: latin-1\r\nlet é\n".encode()) == "// coding: latin-1\r\nlet é\n"
    with pytest.raises(ValueError, match=r"is not UTF-8 text \(byte 4\). Save it as UTF-8"):
        utf8_text(BOM + b"a\xff")
