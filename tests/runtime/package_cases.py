# SPDX-License-Identifier: Apache-2.0
"""Bundles with folders and packages: what their entry answers, or why they do not load, in words of the refusal.

The first column is the name of the case, the second the files, the third the answer as JSON or (reason, words).
The entry is `app.py` unless the files have only one that ends in `main.py`.
"""

from typing import Any

APP = "from genapps import app\n"
TELL = "@app.get('/')\ndef tell(request):\n    return "


def _app(imports: str, value: str) -> str:
    return f"{APP}{imports}\n{TELL}{value}\n"


VENDORED = "site-packages/"
METADATA = "Metadata-Version: 2.1\nName: Some-Thing\nVersion: 1.2.3\n"
LOADS: list[tuple[str, dict[str, str | bytes], Any]] = [
    (
        "a package",
        {"app.py": _app("import pkg\nfrom pkg.a import x", "[pkg.a.x, x, pkg.__name__, pkg.__file__, pkg.__path__]"),
         "pkg/__init__.py": "", "pkg/a.py": "x = 1\n"},
        [1, 1, "pkg", "/app/pkg/__init__.py", ["/app/pkg"]],
    ),
    (
        "relative imports over two levels",
        {"app.py": _app("from pkg.inner.deep import found", "found"), "pkg/__init__.py": "x = 1\n",
         "pkg/b.py": "y = 2\n", "pkg/inner/__init__.py": "", "pkg/inner/near.py": "z = 3\n",
         "pkg/inner/deep.py": "from .. import b, x\nfrom ..b import y\nfrom . import near\nfrom .near import z\n"
                              "found = [x, b.y, y, near.z, z]\n"},
        [1, 2, 2, 3, 3],
    ),
    (
        "a module is run when it is imported and not before",
        {"app.py": _app("import pkg", "__import__('pkg.late', fromlist=['x']).x"), "pkg/__init__.py": "",
         "pkg/late.py": "x = 5\n", "pkg/never.py": "1 / 0\n", "pkg/broken.py": "x = (\n"},
        5,
    ),
    (
        "modules that import each other",
        {"app.py": _app("import pkg.one", "[pkg.one.x(), pkg.two.y]"), "pkg/__init__.py": "",
         "pkg/one.py": "from . import two\ndef x(): return two.z()\n",
         "pkg/two.py": "from . import one\ny = 2\ndef z(): return hasattr(one, 'x')\n"},
        [True, 2],
    ),
    (
        "a folder without an __init__.py",
        {"app.py": _app("from models.user import name\nimport models", "[name, hasattr(models, '__file__')]"),
         "models/user.py": "name = 'u'\n"},
        ["u", False],
    ),
    (
        "one namespace in two folders",
        {"app.py": _app("from space.a import x\nfrom space.b import y", "[x, y]"), "space/a.py": "x = 1\n",
         "site-packages/space/b.py": "y = 2\n"},
        [1, 2],
    ),
    (
        "a relative import at the top",
        {"app.py": _app("from .words import hello\nimport words", "[hello, words.hello]"),
         "words.py": "hello = 'hi'\n"},
        ["hi", "hi"],
    ),
    (
        "an entry in a package",
        {"service/main.py": _app("from . import words\nfrom service.words import hello", "[hello, __name__]"),
         "service/__init__.py": "ran = True\n", "service/words.py": "hello = 'hi'\n"},
        ["hi", "service.main"],
    ),
    (
        "an entry in a folder, with modules beside it",
        {"src/main.py": _app("import words\nfrom inner import deep", "[words.hello, deep.x]"),
         "src/words.py": "hello = 'hi'\n", "src/inner/__init__.py": "", "src/inner/deep.py": "x = 1\n"},
        ["hi", 1],
    ),
    (
        "an entry in a folder that is called as a package of Python",
        {"email/main.py": _app("from email.words import hello\nimport email.mime", "[hello, email.mime.x, __name__]"),
         "email/words.py": "hello = 'hi'\n", "email/mime/__init__.py": "x = 1\n"},
        ["hi", 1, "email@app.main"],
    ),
    (
        "modules of the app and of packages that are called as Python's",
        {"app.py": _app(
            "import json, queue, calendar.events\nfrom concurrent.futures import ThreadPoolExecutor\nimport thing",
            "[json.mine, json.__name__, queue.mine, calendar.events.x, thing.dumped, thing.real]"),
         "json.py": "mine = 1\n", "queue.py": "mine = 2\n", "calendar/__init__.py": "",
         "calendar/events.py": "from . import __name__ as above\nx = above\n",
         "site-packages/thing.py": "import json, calendar\ndumped = json.dumps([1])\nreal = calendar.isleap(2000)\n"},
        [1, "json@app", 2, "calendar@app", "[1]", True],
    ),
    (
        "a module called sitecustomize and one called as the engine's",
        {"app.py": _app("import sitecustomize, bundle, engine", "[sitecustomize.x, bundle.x, engine.x]"),
         "sitecustomize.py": "x = 1\n", "bundle.py": "x = 2\n", "engine.py": "x = 3\n"},
        [1, 2, 3],
    ),
    (
        "data of packages, of three kinds",
        {"app.py": _app(
            "import importlib.resources, pkgutil, pkg.inner",
            "[importlib.resources.files('pkg').joinpath('a.txt').read_text(),\n"
            "  importlib.resources.files('pkg.inner').joinpath('b.bin').read_bytes().hex(),\n"
            "  pkgutil.get_data('pkg', 'a.txt').decode(), open('pkg/a.txt').read(),\n"
            "  sorted(one.name for one in pkgutil.iter_modules(pkg.__path__)),\n"
            "  sorted(one.name for one in importlib.resources.files('pkg').iterdir())]"),
         "pkg/__init__.py": "", "pkg/a.txt": "text", "pkg/inner/__init__.py": "", "pkg/inner/b.bin": b"\xff\x00"},
        ["text", "ff00", "text", "text", ["inner"], ["__init__.py", "a.txt", "inner"]],
    ),
    (
        "what a package says of itself",
        {"app.py": _app(
            "from importlib.metadata import version, entry_points, distributions, PackageNotFoundError",
            "[version('some-thing'), [one.metadata['Name'] for one in distributions()],\n"
            "  [one.name for one in entry_points(group='plugins')]]"),
         "site-packages/some_thing-1.2.3.dist-info/METADATA": METADATA,
         "site-packages/some_thing-1.2.3.dist-info/entry_points.txt": "[plugins]\nfirst = some_thing:x\n"},
        ["1.2.3", ["Some-Thing"], ["first"]],
    ),
    (
        "a package with a part in native code that it can do without",
        {"app.py": _app("from fast import how", "how"),
         "site-packages/fast/__init__.py":
             "try:\n    from ._speedups import how\nexcept ImportError as error:\n    how = str(error)\n",
         "site-packages/fast/_speedups.cpython-311-x86_64-linux-gnu.so": b"\x7fELF"},
        ("module not available to apps: fast._speedups. "
         "site-packages/fast/_speedups.cpython-311-x86_64-linux-gnu.so is native code, which apps cannot run."),
    ),
    (
        "a package that imports what the engine has for itself",
        {"app.py": _app("import tool", "tool.found"),
         "site-packages/tool/__init__.py": "import subprocess, http.server, signal, _weakrefset\nfound = 'all'\n"},
        "all",
    ),
    (
        "a name that a package makes when it is asked",
        {"app.py": _app("from pkg import made, sys", "[made, sys is None]"),
         "pkg/__init__.py": "import sys as _s\nsys = None\ndef __getattr__(name):\n    return name\n"},
        ["made", True],
    ),
    (
        "modules that a package makes itself",
        {"app.py": _app("import six.moves.urllib\nfrom six.moves import x", "x"),
         "site-packages/six.py":
             "import sys, types\nmoves = types.ModuleType('six.moves'); moves.x = 1; moves.__path__ = []\n"
             "sys.modules['six.moves'] = moves; sys.modules['six.moves.urllib'] = types.ModuleType('u')\n"
             "__path__ = []\n"},
        1,
    ),
]  # fmt: skip

MISSING = "ModuleNotAvailable"
REFUSED: list[tuple[str, dict[str, str | bytes], tuple[str, str]]] = [
    ("a module that a package does not have",
     {"app.py": _app("import pkg.models", "1"), "pkg/__init__.py": ""},
     (MISSING, "The bundle has no file pkg/models.py.")),
    ("a module that a package imports and nobody has",
     {"app.py": _app("import pkg", "1"), "site-packages/pkg/__init__.py": "from . import a\n",
      "site-packages/pkg/a.py": "import math\nimport missing\n"},
     (MISSING, "site-packages/pkg/a.py, line 2")),
    ("native code",
     {"app.py": _app("import yaml", "1"), "site-packages/yaml/__init__.py": "from . import _yaml\n",
      "site-packages/yaml/_yaml.cpython-314-x86_64-linux-gnu.so": b"\x7fELF"},
     (MISSING, "site-packages/yaml/_yaml.cpython-314-x86_64-linux-gnu.so is native code")),
    ("a native module at the top",
     {"app.py": _app("import fast", "1"), "site-packages/fast.pyd": b"MZ"},
     (MISSING, "site-packages/fast.pyd is native code")),
    ("a module that packages cannot have either",
     {"app.py": _app("import pkg", "1"), "site-packages/pkg.py": "import ctypes\n"},
     (MISSING, "Apps cannot call native code")),
    ("a module for packages in a file of the app",
     {"app.py": _app("from inner import a", "1"), "inner/a.py": "import subprocess\n"},
     (MISSING, "Apps have no processes")),
    ("a module called as the API", {"app.py": _app("", "1"), "genapps.py": ""}, ("CodeRejected", "name of the API")),
    ("a package called as the API",
     {"app.py": _app("", "1"), "site-packages/genapps/__init__.py": ""}, ("CodeRejected", "name of the API")),
    ("a module of a package that does not compile",
     {"app.py": _app("import pkg.a", "1"), "pkg/__init__.py": "", "pkg/a.py": "\nx = (\n"},
     ("CodeRejected", "pkg/a.py, line 2")),
]  # fmt: skip


def bytes_of(files: dict[str, str | bytes]) -> dict[str, bytes]:
    return {path: content.encode() if isinstance(content, str) else content for path, content in files.items()}


def entry_of(files: dict[str, str | bytes]) -> str:
    return next((path for path in files if path.endswith("main.py")), "app.py")
