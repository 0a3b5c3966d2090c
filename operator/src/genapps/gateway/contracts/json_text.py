# SPDX-License-Identifier: Apache-2.0
"""Bytes to a JSON value that every reader would read alike: no name twice, no integer that loses digits.

orjson is strict about the text, but keeps the last of two equal names, and makes a float of an integer of more than 64
bits. Another parser behind the gateway may read another value than the one that was checked. So the text is read a
second time, by the standard library's parser, which shows each object's names and each integer's digits. A text that
orjson would write for the value it has read holds nothing that was lost, and is not read again.
"""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from genapps.core.contracts.values import EXACT

_DIGITS = len(str(EXACT))
_MANY_DIGITS = re.compile(rb"(?<![.0-9])(?:[0-9]{20}|-[0-9]{19})")
"""An integer of fewer digits has 64 bits, with its sign if it has one, and stays an integer."""
_NEARLY_INEXACT = re.compile(rb"[0-9]{%d}" % len(str(EXACT)))
"""What an integer that some reader does not hold exactly has at least. Digits of texts are taken for such, too."""


class AmbiguousJsonError(ValueError):
    """The bytes are JSON, and readers may disagree about it; says why."""


def read_json(content: bytes) -> object:
    """The value. Raises AmbiguousJsonError, and ValueError for what is no JSON."""
    value: object = orjson.loads(content)
    if _written_so(value, content) and not _NEARLY_INEXACT.search(content):
        return value
    try:
        _SECOND_READER.decode(content.decode())
    except RecursionError as error:
        raise AmbiguousJsonError("lists and objects are nested too deeply") from error
    return value


def _written_so(value: object, content: bytes) -> bool:
    try:
        return orjson.dumps(value) == content
    except TypeError:
        return False  # it is nested more deeply than orjson writes


def read_answer(content: bytes) -> object:
    """The value of a connector's answer. The app gets the value that was checked, so names that stand twice do no harm,
    and a second reading is needed only where there are digits enough for an integer that became a float.

    Raises AmbiguousJsonError, and ValueError for what is no JSON."""
    value: object = orjson.loads(content)
    if _MANY_DIGITS.search(content):
        try:
            _DIGITS_READER.decode(content.decode())
        except RecursionError as error:
            raise AmbiguousJsonError("lists and objects are nested too deeply") from error
    return value


def _members(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) < len(pairs):
        raise AmbiguousJsonError("a name stands twice in an object")


def _integer(digits: str) -> None:
    if len(digits.lstrip("-")) > _DIGITS or abs(int(digits)) > EXACT:
        raise AmbiguousJsonError("an integer is beyond 2^53 - 1; send it as a string")


_DIGITS_READER = json.JSONDecoder(parse_int=_integer)
_SECOND_READER = json.JSONDecoder(object_pairs_hook=_members, parse_int=_integer)
