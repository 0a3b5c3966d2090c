# SPDX-License-Identifier: Apache-2.0
"""Code in JavaScript that must not load: what it is, its files, and the reason and words of the refusal."""

FINE = "export default { fetch: () => new Response('fine') };\n"
MODULES = 600
"""More files than a bundle may have. They load all the same: here nobody counts them."""
DEEP = 100_000

Row = tuple[str, str | dict[str, str], str, str]

REJECTED: list[Row] = [
    ("a syntax error", FINE + "let x = ;\n", "CodeRejected", "app.js, line 2: SyntaxError"),
    (
        "a syntax error in a module",
        {"app.js": "import './lib/words.js';\n" + FINE, "lib/words.js": "\n\nlet x = (;\n"},
        "CodeRejected",
        "lib/words.js, line 3: SyntaxError",
    ),
    ("an error while loading", FINE + "null.x;\n", "CodeRejected", "app.js, line 2: TypeError"),
    (
        "an error while a module loads",
        {
            "app.js": FINE + "import './b.js';\n",
            "b.js": "const boom = () => { throw new RangeError('no'); };\nboom();\n",
        },
        "CodeRejected",
        "b.js, line 1: RangeError: no",
    ),
    ("no default export", "export const fetch = () => new Response('x');\n", "CodeRejected", "answers no request"),
    ("a default export without fetch", "export default {};\n", "CodeRejected", "answers no request"),
    ("a service worker", "addEventListener('fetch', () => {});\n", "CodeRejected", "addEventListener"),
    ("a module of Node", "import fs from 'node:fs';\n" + FINE, "ModuleNotAvailable", "app.js, line 1: "),
    ("a module of the registry", FINE + "import { Hono } from 'hono';\n", "ModuleNotAvailable", "app.js, line 2: "),
    (
        "a module of the engine",
        FINE + "import * as native from 'genapps:native';\n",
        "ModuleNotAvailable",
        "app.js, line 2",
    ),
    ("a module of the web", "import x from 'https://esm.sh/hono';\n" + FINE, "ModuleNotAvailable", "app.js, line 1"),
    ("a path that leads out", "import '../../etc/passwd';\n" + FINE, "ModuleNotAvailable", "leads out of the bundle"),
    ("a path of the machine", "import '/etc/passwd';\n" + FINE, "ModuleNotAvailable", 'no file "etc/passwd"'),
    ("a file that is not there", "import './lib/words';\n" + FINE, "ModuleNotAvailable", 'no file "lib/words"'),
    (
        "a name without its end",
        {"app.js": "import './words';\n" + FINE, "words.js": ""},
        "ModuleNotAvailable",
        "write the whole name, words.js",
    ),
    ("a prototype as a file", "import './__proto__';\n" + FINE, "ModuleNotAvailable", 'no file "__proto__"'),
    (
        "a name that is not exported",
        {"app.js": "import { x } from './b.js';\n" + FINE, "b.js": ""},
        "CodeRejected",
        "'x'",
    ),
    (
        "JSON that is none",
        {"app.js": "import x from './x.json';\n" + FINE, "x.json": "{"},
        "CodeRejected",
        "x.json is not JSON",
    ),
    ("a wait without an end", FINE + "await new Promise(() => {});\n", "CodeRejected", "waits at its top level"),
    ("a timer while loading", FINE + "setTimeout(() => {}, 1);\n", "CodeRejected", "app.js, line 2"),
    ("a rejection while loading", FINE + "await Promise.reject(new Error('no'));\n", "CodeRejected", "Error: no"),
    (
        "state while loading",
        FINE + "env.STATE.get('x');\n",
        "CodeRejected",
        "line 2: ReferenceError: env is not defined",
    ),
    ("fetch while loading", FINE + "await fetch('https://example.com/');\n", "CodeRejected", "line 2"),
    ("a loop while loading", FINE + "for (;;);\n", "CodeRejected", "did not finish within 0.2 s"),
    (
        "a loop of microtasks while loading",
        FINE + "for (;;) await null;\n",
        "CodeRejected",
        "did not finish within 0.2 s",
    ),
    ("a hoard while loading", FINE + "const a = []; for (;;) a.push(new Uint8Array(1e6));\n", "CodeRejected", "memory"),
    ("recursion while loading", FINE + "const f = () => f() + 1;\nf();\n", "CodeRejected", "line 2: RangeError"),
    ("deep source", FINE + f"x = {'[' * DEEP}{']' * DEEP};\n", "CodeRejected", "stack"),
    ("a deep expression", FINE + f"x = {'-' * DEEP}1;\n", "CodeRejected", "stack"),
    ("a deep chain of functions", FINE + f"x = {'()=>' * DEEP}1;\n", "CodeRejected", "stack"),
    ("eval while loading", FINE + "eval('1');\n", "CodeRejected", "EvalError"),
    ("a thrown null", FINE + "throw null;\n", "CodeRejected", "null"),
    ("a thrown symbol", FINE + "throw Symbol('why');\n", "CodeRejected", "why"),
    (
        "a thrown object that says nothing",
        FINE + "throw { toString() { throw 1; }, get stack() { throw 2; } };\n",
        "CodeRejected",
        "cannot be described",
    ),
    (
        "a thrown proxy",
        FINE + "throw new Proxy({}, { get() { throw 1; }, has() { throw 1; } });\n",
        "CodeRejected",
        "cannot be described",
    ),
    (
        "a message that tries to be more than text",
        "throw Error('\\x1b[2J' + 'x'.repeat(9000))",
        "CodeRejected",
        "Error: ",
    ),
    (
        "a forged place",
        FINE + "throw { stack: 'at x (other.js:7:1)', message: 'x', name: 'E' };\n",
        "CodeRejected",
        "app.js, line 0: E: x",
    ),
    ("a class that TypeScript has", {"app.ts": "enum A { B }\n" + FINE}, "CodeRejected", "app.ts, line 1"),
]

LOADED: list[tuple[str, str | dict[str, str]]] = [
    (
        "modules in a circle",
        {
            "app.js": "import { b } from './b.js';\nexport const a = 1;\n" + FINE,
            "b.js": "import { a } from './app.js';\nexport const b = () => a;\n",
        },
    ),
    ("a module that imports itself", "import * as me from './app.js';\n" + FINE),
    (
        "many modules",
        {f"m{n}.js": f"import './m{n + 1}.js';\n" for n in range(200)}
        | {"m200.js": "", "app.js": "import './m0.js';\n" + FINE},
    ),
    (
        "many files beside each other",
        {f"m{n}.js": "" for n in range(MODULES)}
        | {"app.js": "".join(f"import './m{n}.js';\n" for n in range(MODULES)) + FINE},
    ),
    ("a top-level await that ends", FINE + "await Promise.resolve();\n"),
    ("a rejection that nobody hears", FINE + "Promise.reject(new Error('unheard'));\n"),
    ("a frozen prototype", FINE + "Object.freeze(Object.prototype); Object.freeze(Array.prototype);\n"),
    ("a hash-bang", "#!/usr/bin/env node\n" + FINE),
    ("a name with dots", {"app.js": "import './a.b.c.js';\n" + FINE, "a.b.c.js": ""}),
    ("a class", "export default class {\n  static fetch() { return new Response('fine'); }\n}\n"),
    ("a function with fetch", "function app() {}\napp.fetch = () => new Response('fine');\nexport default app;\n"),
    (
        "a default that is named",
        "const worker = { fetch: () => new Response('fine') };\nexport { worker as default };\n",
    ),
]
