# SPDX-License-Identifier: Apache-2.0
"""Makes hostile text harmless: what guests, containers and custom resources say, before it is in a status or Event."""

import unicodedata

LIMIT = 256


def plain(text: str, limit: int = LIMIT) -> str:
    r"""One line of at most `limit` characters without control, format, surrogate or private characters.

    Such characters are shown as `\u{hex}`, so that nothing vanishes, nothing moves a terminal's cursor and nothing
    reorders the sentence around it; white space of any kind and length becomes one blank.

    >>> plain("a\\n\\tb\\x1b[2J")
    'a b\\\\u{1b}[2J'
    """
    # Escapes are up to eight times longer than what they show: cut first, so that a gigabyte costs no more than a line.
    words = text[: 4 * limit].split()
    line = " ".join(word if word.isprintable() and word.isascii() else "".join(map(_shown, word)) for word in words)
    return line if len(line) <= limit and len(text) <= 4 * limit else line[: limit - 1].rstrip() + "…"


def _shown(character: str) -> str:
    if unicodedata.category(character)[0] == "C":
        return f"\\u{{{ord(character):x}}}"
    return character
