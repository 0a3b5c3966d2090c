# SPDX-License-Identifier: Apache-2.0
"""What is blanked of each kind of syntax, by the names of the grammar."""

from collections.abc import Callable, Mapping, Sequence

from tree_sitter import Node

from genapps.cli.typescript.text import BlankedText

Rule = Callable[[Node, BlankedText], Sequence[Node]]
"""Blanks parts of a node; returns the nodes in it that are to be looked at."""

_TYPES = (
    "type_annotation", "asserts_annotation", "type_predicate_annotation", "type_arguments", "type_parameters",
    "implements_clause",
)  # fmt: skip
_STATEMENTS = ("interface_declaration", "type_alias_declaration", "ambient_declaration", "function_signature")
_MEMBERS = ("index_signature", "method_signature", "abstract_method_signature")
_MODIFIERS = frozenset({"accessibility_modifier", "override_modifier", "readonly", "?", "!"})
_CONTINUES = frozenset("([`")
"""What would continue a statement that the end of a line ended."""
_WITH_BRACKETS = ("array_type", "lookup_type", "generic_type")
_GOES_ON = frozenset("([`.<")
"""What no type ends before."""
_TIGHT = frozenset({"+", "-", "*", "/", "%", "**", "<<", ">>", ">>>"})
"""Operators that bind more tightly than `as`."""


def _erase(node: Node, text: BlankedText) -> None:
    """Blank all of a node, in which are types only.

    The grammar reads a type on over the end of a line, where TypeScript ends the statement: code would be lost.
    """
    text.blank(node.start_byte, node.end_byte)
    waiting = [node]
    while waiting:
        inner = waiting.pop()
        if inner.type in _WITH_BRACKETS and text.spans_lines(inner.children[0].end_byte, inner.children[1].start_byte):
            text.refuse(inner.children[1].start_byte, "this may be a type or a statement; end the line before with `;`")
        waiting += inner.children


def _type(node: Node, text: BlankedText) -> Sequence[Node]:
    _erase(node, text)
    return ()


def _statement(node: Node, text: BlankedText) -> Sequence[Node]:
    """What is erased as a whole leaves a semicolon, so that the lines around it stay apart."""
    _erase(node, text)
    text.write(node.start_byte, ";")
    return ()


def _refused(message: str) -> Rule:
    def refuse(node: Node, text: BlankedText) -> Sequence[Node]:
        text.refuse(node.start_byte, message)

    return refuse


def _namespace(node: Node, text: BlankedText) -> Sequence[Node]:
    """One with types only is none at run time."""
    waiting = [node.child_by_field_name("body") or node]
    while waiting:
        for inner in waiting.pop().named_children:
            if inner.type in ("export_statement", "expression_statement", "internal_module"):
                waiting.append(inner.child_by_field_name("body") or inner)
            elif inner.type not in (*_STATEMENTS, "comment"):
                message = "a namespace with values needs code to be made; export from a file of its own"
                text.refuse(node.start_byte, message)
    return _statement(node, text)


def _import(node: Node, text: BlankedText) -> Sequence[Node]:
    words = [child.type for child in node.children]
    if "import_require_clause" in words:
        text.refuse(node.start_byte, '`import = require` has no meaning in modules; write `import name from "..."`')
    if "type" in words:
        return _statement(node, text)
    _rename(node.child_by_field_name("source"), text)
    return node.children


def _export(node: Node, text: BlankedText) -> Sequence[Node]:
    words = [child.type for child in node.children]
    if "=" in words or "namespace" in words:
        text.refuse(node.start_byte, "`export =` has no meaning in modules; write `export default`")
    declared = node.child_by_field_name("declaration")
    if "type" in words or "ERROR" in words or (declared is not None and declared.type in _STATEMENTS):
        return _statement(node, text)
    if declared is not None and declared.type == "internal_module":
        _namespace(declared, text)
        return _statement(node, text)
    _rename(node.child_by_field_name("source"), text)
    return node.children


def _specifier(node: Node, text: BlankedText) -> Sequence[Node]:
    """`type A` in brackets goes with its comma."""
    if any(child.type == "type" for child in node.children):
        _with_comma(node, text)
    return ()


def _with_comma(node: Node, text: BlankedText) -> None:
    text.blank(node.start_byte, node.end_byte)
    after = text.next_code(node.end_byte)
    if text.at(after) == ",":
        text.blank(after, after + 1)


def _call(node: Node, text: BlankedText) -> Sequence[Node]:
    function, given = node.child_by_field_name("function"), node.child_by_field_name("arguments")
    if function is not None and function.type == "import" and given is not None and given.named_child_count:
        _rename(given.named_child(0), text)
    return node.children


def _rename(specifier: Node | None, text: BlankedText) -> None:
    """A relative specifier of a TypeScript file names the JavaScript that it becomes."""
    if specifier is None or specifier.type != "string":
        return
    start, end = specifier.start_byte + 1, specifier.end_byte - 1
    named = "".join(text.at(place) for place in range(start, end))
    if named.startswith(("./", "../")) and named.endswith((".ts", ".mts")):
        text.write(end - 2, "j")


def _member(node: Node, text: BlankedText) -> Sequence[Node]:
    """A field or a method with its modifiers."""
    words = {child.type for child in node.children}
    if words & {"declare", "abstract"}:
        return _statement(node, text)
    _modifiers(node, text)
    _opened_early(node, text)
    return node.children


def _modifiers(node: Node, text: BlankedText) -> None:
    name = node.child_by_field_name("name")
    leading = True
    for child in node.children:
        if child.type in _MODIFIERS and child != name:
            text.blank(child.start_byte, child.end_byte)
            if leading and text.at(_after_modifiers(node, text)) in ("[", "*"):
                text.write(child.start_byte, ";")  # else a field before it would go on
        leading = False


def _after_modifiers(node: Node, text: BlankedText) -> int:
    first = next(child for child in node.children if child.type not in _MODIFIERS)
    return text.next_code(first.start_byte)


def _parameter(node: Node, text: BlankedText) -> Sequence[Node]:
    pattern = node.child_by_field_name("pattern")
    if pattern is not None and pattern.type == "this":
        _with_comma(node, text)
        return ()
    for child in node.children:
        if child.type in {"accessibility_modifier", "override_modifier", "readonly"}:
            text.refuse(node.start_byte, "a parameter property needs code to be made; declare a field, and assign it")
        if child.type == "?":
            text.blank(child.start_byte, child.end_byte)
    return node.children


def _variable(node: Node, text: BlankedText) -> Sequence[Node]:
    for child in node.children:
        if child.type == "!":
            text.blank(child.start_byte, child.end_byte)
    return node.children


def _abstract_class(node: Node, text: BlankedText) -> Sequence[Node]:
    for child in node.children:
        if child.type == "abstract":
            text.blank(child.start_byte, child.end_byte)
    return node.children


def _non_null(node: Node, text: BlankedText) -> Sequence[Node]:
    text.blank(node.end_byte - 1, node.end_byte)
    return node.children


def _as(node: Node, text: BlankedText) -> Sequence[Node]:
    """`value as Type`, and `value satisfies Type`."""
    value, word = node.children[0], node.children[1]
    within = node.parent
    if within is not None and within.type == "binary_expression" and within.children[0] == node:
        simple = value.type not in ("binary_expression", "unary_expression", "await_expression", "as_expression")
        if within.children[1].type in _TIGHT and not simple:
            text.refuse(node.start_byte, f"without `{word.type}` this is computed in another order; put it in brackets")
    text.blank(word.start_byte, word.end_byte)
    for type_ in node.children[2:]:
        _erase(type_, text)
    after = text.next_code(node.end_byte)
    if text.at(after) in _CONTINUES and text.spans_lines(node.end_byte, after):
        text.write(word.start_byte, ";")
    elif text.at(after) in _GOES_ON:
        # The grammar ends a type of three names and more too early.
        text.refuse(word.start_byte, "this type cannot be read here; give it a name with `type Name = ...`")
    return (value,)


def _arrow(node: Node, text: BlankedText) -> Sequence[Node]:
    """No line may end between `async` and the parameters, nor between them and `=>`: brackets move over what is blank.

    The types themselves are blanked by the rules for them, which come later and skip what is written here.
    """
    _opened_early(node, text)
    parameters, returned = node.child_by_field_name("parameters"), node.child_by_field_name("return_type")
    if returned is not None and parameters is not None and text.spans_lines(parameters.end_byte, returned.end_byte):
        text.move(parameters.end_byte - 1, returned.end_byte - 1)
    return node.children


def _opened_early(node: Node, text: BlankedText) -> None:
    """Type parameters on several lines become part of what is in the brackets of the parameters."""
    generic, parameters = node.child_by_field_name("type_parameters"), node.child_by_field_name("parameters")
    if generic is not None and parameters is not None and text.spans_lines(generic.start_byte, parameters.start_byte):
        text.move(parameters.start_byte, generic.start_byte)


def _comparison(node: Node, text: BlankedText) -> Sequence[Node]:
    """The grammar reads type arguments before a template as two comparisons."""
    left = node.child_by_field_name("left")
    compared = left is not None and left.type == "binary_expression" and left.children[1].type == "<"
    if compared and node.children[1].type == ">":
        text.refuse(node.start_byte, "these may be type arguments or comparisons; put the comparison in brackets")
    return node.children


RULES: Mapping[str, Rule] = {
    **dict.fromkeys(_TYPES, _type),
    **dict.fromkeys((*_STATEMENTS, *_MEMBERS), _statement),
    "internal_module": _namespace,
    "import_statement": _import,
    "export_statement": _export,
    "import_specifier": _specifier,
    "export_specifier": _specifier,
    "call_expression": _call,
    "public_field_definition": _member,
    "method_definition": _member,
    "required_parameter": _parameter,
    "optional_parameter": _parameter,
    "variable_declarator": _variable,
    "abstract_class_declaration": _abstract_class,
    "non_null_expression": _non_null,
    "as_expression": _as,
    "satisfies_expression": _as,
    "arrow_function": _arrow,
    "binary_expression": _comparison,
    "enum_declaration": _refused("an enum needs code to be made; write `const Name = {...} as const`"),
    "module": _refused("a module with values needs code to be made; export from a file of its own"),
    "import_alias": _refused("an import alias needs code to be made; write `const name = ...`"),
    "type_assertion": _refused("this form of a cast is not taken; write `value as Type`"),
    "decorator": _refused("decorators are no part of JavaScript yet; call the function"),
}  # fmt: skip
