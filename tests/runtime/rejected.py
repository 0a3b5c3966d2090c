# SPDX-License-Identifier: Apache-2.0
"""Code that must not load: what it is, its text, and the reason and words of the refusal."""

FINE = "from genapps import app\n@app.get('/')\ndef fine(request):\n    return 'fine'\n"

REJECTED = [
    ("a syntax error", "x = (\n", "CodeRejected", "app.py, line 1: SyntaxError"),
    ("an error while loading", FINE + "1 / 0\n", "CodeRejected", "app.py, line 5: ZeroDivisionError"),
    (
        "a module that apps do not have",
        "import numpy\n" + FINE,
        "ModuleNotAvailable",
        "app.py, line 1: module not available to apps: numpy. Packages with native code do not run in apps.",
    ),
    (
        "a part of a package that apps do not have",
        "from http import server\n",
        "ModuleNotAvailable",
        "app.py, line 1: module not available to apps: http.server. The platform serves the app.",
    ),
    ("a relative import", "from . import words\n", "ModuleNotAvailable", "app.py, line 1"),
    ("a bundle without a route", "x = 1\n", "CodeRejected", "registers no route"),
    ("a route without a slash", FINE + "app.get('x')(fine)\n", "CodeRejected", "must start with '/'"),
    ("a loop while loading", FINE + "while True: pass\n", "CodeRejected", "did not finish within 0.5 s"),
    ("a hoard while loading", FINE + "x = b'x' * 10**9\n", "CodeRejected", "MemoryError"),
    (
        "a crash while loading",
        FINE + "import sys; sys.modules['_signal'].raise_signal(6)\n",
        "CodeRejected",
        "called a function that is not available to apps: wasi:cli",
    ),
    ("an abort while loading", FINE + "import os; os.abort()\n", "CodeRejected", "apps have no processes"),
    ("a thread while loading", FINE + "import threading\nthreading.Thread().start()\n", "CodeRejected", "no threads"),
    ("an exit while loading", FINE + "raise SystemExit\n", "CodeRejected", "SystemExit"),
    ("a null byte", FINE + "\0", "CodeRejected", "null bytes"),
    (
        "a message that tries to be more than text",
        "raise ValueError('\\x1b[2J' + 'x' * 9000)",
        "CodeRejected",
        "ValueError",
    ),
]
