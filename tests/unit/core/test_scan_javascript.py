# SPDX-License-Identifier: Apache-2.0
"""The look at JavaScript before a revision is accepted: what fails for certain is found, the rest is left alone."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genapps.api.reasons import Reason
from genapps.core.code.javascript.imports import MOST, imports_of
from genapps.core.code.javascript.scan import SCANNED_CHARACTERS, scan_javascript
from genapps.core.code.javascript.tokens import DEEPEST, tokens

HUGE = 1024 * 1024
IMPORTS = [
    ("a name", "import a from 'x'", ["x"]),
    ("double quotes and no blanks", 'import a from"x";import{b}from"y"', ["x", "y"]),
    ("the effects only", "import 'x'", ["x"]),
    ("all names", "import * as a from 'x'", ["x"]),
    ("some names", "import {a, b as c, default as d, 'e-f' as g} from 'x'", ["x"]),
    ("a name and all", "import a, * as b from 'x'", ["x"]),
    ("a name and some, on many lines", "import a, {\n  b, // 'y'\n  c /* from 'z' */\n}\nfrom\n'x'", ["x"]),
    ("names that are words", "import from from 'x'; import {from, as as as} from 'y'", ["x", "y"]),
    ("attributes", "import a from './a.json' with {type: 'json'}\nimport b from 'x'", ["./a.json", "x"]),
    ("a deferred module", "import defer * as a from 'x'", ["x"]),
    ("no semicolons", "import a from 'x'\nimport b from 'y'\nlet c = 1", ["x", "y"]),
    ("exports from a module", "export * from 'x'; export * as a from 'y'; export {b as c} from 'z'", ["x", "y", "z"]),
    ("an export and an import", "export {a}\nimport b from 'x'", ["x"]),
    ("an export of names", "export {a, b}\n'x'\nlet from = 'y'", []),
    ("an export of values", "export const a = {from: 'x'}; export default {from: 'y'}", []),
    ("an export of a string", "export default 'x'", []),
    ("after a hashbang and a mark", "\ufeff#!/usr/bin/env node 'x'\nimport a from 'y'", ["y"]),
    ("in comments", "// import a from 'x'\n/* import b from 'y'\n*/ import c from 'z'", ["z"]),
    ("after a comment that a line separator ends", "// a\u2028import b from 'x'", ["x"]),
    ("in strings", "let a = 'import b from \\'x\\'', c = \"\\\nimport d from 'y'\"", []),
    ("in a template", "let a = `\nimport b from 'x'\n`", []),
    ("in a template in a template", "let a = `${`${{b: `}`}}` + '`'}\nimport c from 'x'\n`; import d from 'y'", ["y"]),
    ("in a regular expression", "let a = /import 'x'/g\nimport 'y'", ["y"]),
    ("a quote in a regular expression", "let a = /'/, b = /[/']/, c = /\\/'/; import 'x'", ["x"]),
    ("division", "let a = b / 2 / c, d = e[0] / f, g = (h) / 2, i = `j` / 2, k = 1 / 2; import 'x'", ["x"]),
    ("a number with a point before a division", "let a = 1. / 2, b = .5 / 2, c = 1..x / 2 /'d'/ 3; import 'x'", ["x"]),
    ("a regular expression after a word", "function f() { return /'/ }\nimport 'x'", ["x"]),
    ("a regular expression after a condition", "if (a) /'/.test(b)\nimport 'x'", ["x"]),
    ("a division after a method that is called if", "a.if (b) / 'c' / 2\nimport 'x'", ["x"]),
    ("a division after a member that is called return", "a.return / 'b' / 2; import 'x'", ["x"]),
    ("a division after an increment", "a++ / 'b' / 2; import 'x'", ["x"]),
    ("a regular expression after an arrow", "let a = b => /'/; import 'x'", ["x"]),
    ("a regular expression in a template", "let a = `${/`/}`; import 'x'", ["x"]),
    ("a private name", "class A { #import = 1; f() { return this.#import / 2 } }\nimport 'x'", ["x"]),
    ("members that are words", "a.import('x'); a?.import; a.export; import 'y'", ["y"]),
    (
        "methods that are words",
        "class A { import() {} export() {} }\nlet a = {import: 1, export: 2}; import 'x'",
        ["x"],
    ),
    ("import.meta", "let a = import.meta.url; import 'x'", ["x"]),
    ("a dynamic import", "let a = await import('x'); import('y').then(b => c)", []),
    ("in a block", "{ import a from 'x' }", []),
    ("a name with escapes", "im\\u0070ort a from 'x'", []),
    ("a module with escapes", "import a from '\\x78'", []),
    ("letters of other languages", "let größe = 1, 名 = größe / 2 /'a'/ 3; import 'x'", ["x"]),
    ("an object before a slash: not sure", "let a = {} / 'b' / 2; import 'x'", []),
    ("a block before a slash: not sure", "import 'x'; if (a) {} /'/.test(b); import 'y'", ["x"]),
    ("an open string", "import 'x'; let a = 'b\nimport 'y'", ["x"]),
    ("an open template", "import 'x'; let a = `b\nimport 'y'", ["x"]),
    ("an open comment", "import 'x'; /* b\nimport 'y'", ["x"]),
    ("an open regular expression", "import 'x'; let a = /b\nimport 'y'", ["x"]),
    ("a bracket too many", "import 'x'; }\nimport 'y'", ["x"]),
    ("brackets that do not fit", "import 'x'; (]; import 'y'", ["x"]),
    ("a stray backslash", "import 'x'; \\; import 'y'", ["x"]),
    ("half an import", "import", []),
    ("half of its names", "import {a, ", []),
    ("an import of no module", "import a from b; import c = 'y'; import 'x'", ["x"]),
    ("TypeScript", "import type {A} from 'x'", ["x"]),
]
CALLS = [
    ("a dynamic import", "await import('x')", [("import", "x", 1)]),
    ("one with options", "import('x', {with: {}})", [("import", "x", 1)]),
    ("one that is computed", "import('x' + y); import(`x`)", []),
    ("require", "function f() {\n  return require('x')\n}", [("require", "x", 2)]),
    ("a require of the app's own", "function require(name) {}\nrequire('x')", []),
    ("a require that is asked for", "if (typeof require === 'function') require('x')", []),
    ("a require that is made", "globalThis.require = f\nrequire('x')", []),
    ("eval", "eval('1'); a.eval('2')", [("eval", "", 1)]),
    ("new Function", "let f = new Function('return 1'), g = Function", [("Function", "", 1)]),
]
REQUIRED = [
    ("a CommonJS file", "const a = require('x')\nmodule.exports = a", ["x"]),
    ("under a condition", "if (a) { const b = require('x') }", []),
    ("in an expression", "const a = b ? require('x') : 0", []),
    ("with a require", "const require = createRequire(1)\nconst a = require('x')", []),
    ("a module with imports", "import './polyfill.js'\nconst a = require('x')", []),
]
LACKING = [
    ("a package", "\nimport a from 'left-pad'", "left-pad (app.js, line 2). Bundle packages with your"),
    ("a member of one", "import a from '@x/y/z.js'", "@x/y/z.js (app.js, line 1). Bundle packages"),
    ("a package of the network", "import a from 'axios'", "Apps reach the network through connectors only"),
    ("a module of Node.js", "import a from 'node:fs/promises'", "Apps have no file system."),
    ("one that is not listed", "import a from 'node:vm'", "It is part of Node.js, which apps do not have."),
    ("of Cloudflare", "import {WorkerEntrypoint} from 'cloudflare:workers'", "it needs no import."),
    ("of the network", "import a from 'https://esm.example/a'", "Apps load no code from the network."),
    ("a file that is not there", "import './b.js'", "The bundle has no file b.js. Add it, or correct the path."),
    ("a file without its suffix", "import './lib/a'", "The bundle has no file lib/a. Write ./lib/a.js."),
    ("a folder", "export * from './lib'", "The bundle has no file lib. Write ./lib/index.js."),
    ("a file that is served", "import './public/x.js'", "Files in public/ are served, and are no code."),
    ("many", "import 'a';import 'b';import 'c';import 'd'", "c (app.js, line 1) and 1 more. Bundle packages"),
    ("require", "const fs = require('fs')", "fs (app.js, line 1). Apps are ES modules and have no `require`"),
]  # fmt: skip
BUNDLE = {"lib/a.js": b"", "lib/index.js": b"", "public/x.js": b"import 'nothing'", "a.ts": b"", "a.json": b"{}"}


def scan(source: str, **others: str) -> str | None:
    files = BUNDLE | {name: text.encode() for name, text in others.items()}
    found = scan_javascript("app.js", {"app.js": source.encode(), **files})
    return None if found is None else found.message


@pytest.mark.parametrize(("source", "modules"), [row[1:] for row in IMPORTS], ids=[row[0] for row in IMPORTS])
def test_imports_are_found_where_they_are_certain(source: str, modules: list[str]) -> None:
    assert [one.specifier for one in imports_of(source).imports] == modules


@pytest.mark.parametrize(("source", "calls"), [row[1:] for row in CALLS], ids=[row[0] for row in CALLS])
def test_calls_of_what_apps_do_not_have_are_found(source: str, calls: list[tuple[str, str, int]]) -> None:
    assert [tuple(one) for one in imports_of(source).calls] == calls


@pytest.mark.parametrize(("source", "modules"), [row[1:] for row in REQUIRED], ids=[row[0] for row in REQUIRED])
def test_a_require_fails_for_certain_only_in_a_file_that_cannot_have_it(source: str, modules: list[str]) -> None:
    assert [one.specifier for one in imports_of(source).required] == modules


@pytest.mark.parametrize(("source", "says"), [row[1:] for row in LACKING], ids=[row[0] for row in LACKING])
def test_a_missing_module_is_named_with_its_place_and_what_to_do(source: str, says: str) -> None:
    message = scan(source)
    assert message is not None
    assert message.startswith("Module not available to apps: ")
    assert says in message


@pytest.mark.parametrize(
    "source",
    [
        "import './lib/a.js'; import '././lib/../lib/index.js'; import a from './a.json' with {type: 'json'}",
        "import './nothing.js?raw'; import '../above.js'; import '/absolute.js'; import ''",
        "import('axios'); function f() { return require('fs') }; import './a.ts'",
        "export default {async fetch(request, env, ctx) { return new Response('hello') }}",
        "const {a} = '}' / `${'x'}`; this is no JavaScript",
    ],
)
def test_what_may_load_is_left_alone(source: str) -> None:
    assert scan(source) is None


def test_files_of_the_app_are_followed_and_others_are_not_read() -> None:
    inner = {"lib/b.mjs": "import '../lib/c.js'", "lib/c.js": "\n\nimport 'axios'; import '../app.js'"}
    assert scan("import 'lib'", **inner) is not None
    assert scan("", **inner) is None
    assert scan("import('./lib/b.mjs')", **inner) is None
    message = scan("import './lib/b.mjs'", **inner)
    assert message is not None
    assert "axios (lib/c.js, line 3)" in message


def test_a_require_in_a_file_that_others_come_before_is_left_alone() -> None:
    files = {"one.js": "globalThis[name] = f", "two.js": "const a = require('x')"}
    assert scan("import './one.js'; import './two.js'", **files) is None


@pytest.mark.parametrize(
    ("entry", "content", "says"),
    [
        ("app.ts", b"", "The entry app.ts is TypeScript."),
        ("app.py", b"", "Name a file that ends in .js or .mjs."),
        ("app.cjs", b"", "Name a file that ends in .js or .mjs."),
        ("app.mjs", b"a\xff", "app.mjs is not UTF-8 text (byte 1). Save it as UTF-8."),
    ],
)
def test_entries_that_are_no_modules_are_rejected(entry: str, content: bytes, says: str) -> None:
    found = scan_javascript(entry, {entry: content})
    assert found is not None
    assert found.reason is Reason.CODE_REJECTED
    assert says in found.message
    assert scan_javascript("app.mjs", {"app.mjs": b"\xef\xbb\xbfimport './app.mjs'"}) is None


def test_names_are_shown_plainly_and_cut() -> None:
    message = scan(f"import '{'x' * 5000}'; import '\u202eevil'")
    assert message is not None
    assert len(message) < 1000
    assert "\u202e" not in message


def test_no_more_is_looked_at_than_the_limits_say() -> None:
    assert len(imports_of("import 'x';" * (MOST + 1)).imports) == MOST
    nested = "[" * DEEPEST + "]" * DEEPEST
    assert len(imports_of(f"{nested};import 'x'").imports) == 1
    assert imports_of(f"[{nested}];import 'x'").imports == []
    files = {"a.js": f"//{'a' * SCANNED_CHARACTERS}", "b.js": "import 'axios'"}
    assert scan("import './a.js'; import './b.js'", **files) is None
    assert scan("import './b.js'; import './a.js'", **files) is not None
    assert scan(f"import 'axios' //{'a' * SCANNED_CHARACTERS}") is not None


@pytest.mark.parametrize(
    "unit",
    [
        "()", "''", "`${", "`${a}`", "import a from 'x';", "/a", "=/[", "= /a/ ", "a\\\n", "{", "'\\", "/*", "import{",
        "export {", "${",
    ],
)  # fmt: skip
def test_a_megabyte_of_anything_ends(unit: str) -> None:
    source = (unit * (HUGE // len(unit) + 1))[:HUGE]
    found = scan_javascript("app.js", {"app.js": source.encode()})
    assert found is None or found.reason is Reason.MODULE_NOT_AVAILABLE


PIECES = [
    *"(){}[]`'\"/\\.;,*=<>!?:#$@+-\n\r \u2028\ufeff", "import", "export", "from", "as", "require", "eval", "return",
    "if", "of", "await", "'x'", "'./lib/a.js'", "${", "//", "/*", "*/", "++", "=>", "1.", ".5", "\\u0061", "a", "ß",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=60).map("".join))
def test_whatever_the_text_is_the_tokens_are_pieces_of_it_in_order(source: str) -> None:
    text, at = source.removeprefix("\ufeff"), 0
    for token in tokens(source):
        assert token.start >= at
        assert token.text
        assert text.startswith(token.text, token.start)
        at = token.start + len(token.text)
    found = scan_javascript("app.js", {"app.js": source.encode(), **BUNDLE})
    assert found is None or 1 <= found.line <= source.count("\n") + 1


def test_what_is_in_a_string_a_comment_or_brackets_is_never_an_import() -> None:
    around = [("'", "'"), ('"', '"'), ("`", "`"), ("/*", "*/"), ("(", ")"), ("{", "}"), ("=/", "/"), ("`${[", "]}`")]
    chosen = random.Random(7)
    for _ in range(500):
        before, after = chosen.choice(around)
        pieces = [chosen.choice(("a", "1", "+", " ", "import ", "\\u0061", "x.y")) for _ in range(chosen.randrange(5))]
        assert imports_of(f"let a\n{before}{''.join(pieces)} import {after};").imports == []
