# SPDX-License-Identifier: Apache-2.0
"""Blanks the types of one file.

Only syntax that can be left out is taken, as by Node.js and by TypeScript's `erasableSyntaxOnly`. The rest would need
code to be made, and is refused with its place. Needs the packages of the extra `typescript`.
"""

from tree_sitter import Language, Node, Parser
from tree_sitter_typescript import language_typescript

from genapps.cli.typescript.rules import RULES
from genapps.cli.typescript.text import BlankedText

_PARSER = Parser(Language(language_typescript()))
_BLANKS = "\ufeff"


def erase_types(path: str, text: str) -> str:
    """The JavaScript of a TypeScript file, as long as the text and with the same lines.

    Relative specifiers of other such files (`./a.ts`) name what those become (`./a.js`). Raises TypeScriptError, a
    ValueError, for what cannot be read or erased.
    """
    blanked = BlankedText(path, text)
    root = _parsed(text)
    if (fault := _fault(root)) is not None:
        blanked.refuse(fault.start_byte, "this cannot be read as TypeScript")
    waiting = [root]
    while waiting:
        node = waiting.pop()
        rule = RULES.get(node.type)
        waiting += reversed(node.children if rule is None else rule(node, blanked))
    erased = str(blanked)
    if (fault := _fault(_parsed(erased))) is not None:  # a type that the grammar ended elsewhere
        blanked.refuse(fault.start_byte, "the types here cannot be told from the code; write them in another form")
    return erased


def _parsed(text: str) -> Node:
    return _PARSER.parse(_in_ascii(text).encode("ascii")).root_node


def _in_ascii(text: str) -> str:
    """What the parser reads: a place in it, in bytes, is a place in the text, in characters."""
    if text.isascii():
        return text
    return "".join(one if one.isascii() else " " if one.isspace() or one in _BLANKS else "_" for one in text)


def _fault(root: Node) -> Node | None:
    """The first place that the grammar does not know."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node.is_missing or (node.is_error and not _is_known(node)):
            return node
        if node.has_error:
            waiting += reversed(node.children)
    return None


def _is_known(node: Node) -> bool:
    """`export type * from` is younger than the grammar."""
    within, after = node.parent, node.next_sibling
    exports = within is not None and within.type == "export_statement"
    return exports and node.text == b"type" and after is not None and after.type == "*"
