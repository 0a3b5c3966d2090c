# SPDX-License-Identifier: Apache-2.0
"""The bytes of a file of code as text. Python's, as Python itself decodes them: a byte order mark, a coding line, else
UTF-8; JavaScript is UTF-8.

The operator decodes in the same way before it lets the code run; tests/contract holds both to one table.
"""

import re

ENCODINGS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "ascii": "ascii",
    "us-ascii": "ascii",
    "latin-1": "latin-1",
    "latin1": "latin-1",
    "iso-8859-1": "latin-1",
    "iso-8859-15": "iso-8859-15",
    "cp1252": "cp1252",
    "windows-1252": "cp1252",
}
"""Those that a coding line may name, with Python's name. The rest of Python's codecs are no encodings of source code,
or slow on hostile input."""

_BOM = b"\xef\xbb\xbf"
_CODING = re.compile(rb"[ \t\f]*#[^\r\n]*?coding[:=][ \t]*([-\w.]{1,40})")
_BLANK = re.compile(rb"[ \t\f]*(?:#[^\r\n]*)?\r?\n")


def source_text(content: bytes) -> str:
    """The text of a Python file, without its byte order mark.

    Raises ValueError with what is wrong, to be read after the name of the file.
    """
    marked = content.startswith(_BOM)
    content = content.removeprefix(_BOM)
    declared = _declared(content)
    if declared is None:
        encoding = "utf-8"
    elif (known := ENCODINGS.get(declared.lower().replace("_", "-"))) is None:
        raise ValueError(f"has the unknown encoding {declared} in its coding line. Save it as UTF-8")
    elif marked and known != "utf-8":
        raise ValueError(f"has a byte order mark and the encoding {declared} in its coding line. Save it as UTF-8")
    else:
        encoding = known
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        name = "UTF-8" if encoding == "utf-8" else encoding
        place = error.start + (len(_BOM) if marked else 0)
        raise ValueError(f"is not {name} text (byte {place}). Save it as UTF-8") from None


def utf8_text(content: bytes) -> str:
    """The text of a JavaScript file, without its byte order mark. Raises ValueError as `source_text` does."""
    try:
        return content.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise ValueError(f"is not UTF-8 text (byte {error.start}). Save it as UTF-8") from None


def _declared(content: bytes) -> str | None:
    """The encoding that a comment in the first two lines names; the second counts only below a blank or a comment."""
    found = _CODING.match(content)
    if found is None and (first := _BLANK.match(content)):
        found = _CODING.match(content, first.end())
    return found[1].decode("ascii", "replace") if found else None
