# SPDX-License-Identifier: Apache-2.0
"""Text that people do not see as it is: what a reviewer reads must be what a model or a code generator reads."""

import unicodedata
from collections.abc import Iterator

from genapps.core.contracts.pointers import ContractFault, pointer

_LAYOUT = frozenset("\n\t\r")
_SHOWN_CATEGORIES = frozenset({"Zl", "Zp"})


def hidden_character(text: str) -> str | None:
    r"""The first control, format (also bidirectional), private, unassigned or separator character, as `U+202E`.

    >>> hidden_character("a\u202eb")
    'U+202E'
    """
    if text.isascii() and text.isprintable():
        return None
    for character in text:
        category = unicodedata.category(character)
        if (category[0] == "C" and character not in _LAYOUT) or category in _SHOWN_CATEGORIES:
            return f"U+{ord(character):04X}"
    return None


def hidden_text_faults(document: object, path: tuple[str | int, ...] = ()) -> Iterator[ContractFault]:
    """The strings and names of a JSON value (within the bounds of `values.SCHEMA`) that hold such a character."""
    if isinstance(document, str):
        if character := hidden_character(document):
            yield ContractFault(pointer(path), f"the text holds the hidden character {character}; remove it")
    elif isinstance(document, dict):
        for name, inner in document.items():
            if character := hidden_character(name):
                yield ContractFault(pointer(path), f"a name holds the hidden character {character}; remove it")
            yield from hidden_text_faults(inner, (*path, name))
    elif isinstance(document, list | tuple):
        for number, inner in enumerate(document):
            yield from hidden_text_faults(inner, (*path, number))
