# SPDX-License-Identifier: Apache-2.0
"""Engine and operator find the same changes of objects at module level."""

import pytest

from genapps.core.code.habits import changed_globals
from tests.support.engine_modules import engine_module

ENGINE = engine_module("habits").changed_globals

TABLE = [
    ("a list", "todos = []\ndef add(r):\n    todos.append(1)\n", [(3, "todos", 1, "add")]),
    ("an item", "seen: dict[str, int] = {}\nasync def add(r):\n    seen['a'] = 1\n", [(3, "seen", 1, "add")]),
    ("an item of an item", "seen = {}\ndef add(r):\n    seen['a']['b'].append(1)\n", [(3, "seen", 1, "add")]),
    ("a deleted item", "seen = dict()\ndef add(r):\n    del seen['a']\n", [(3, "seen", 1, "add")]),
    ("an increased item", "import collections\nn = collections.Counter()\ndef add(r):\n    n['a'] += 1\n",
     [(4, "n", 2, "add")]),
    ("a global number", "n = 0\ndef add(r):\n    global n\n    n += 1\n", [(4, "n", 1, "add")]),
    ("a nested function", "a = set()\ndef outer(r):\n    def inner():\n        a.add(1)\n    return inner()\n",
     [(4, "a", 1, "outer")]),
    ("only the first place", "a = []\ndef one(r):\n    a.append(1)\ndef two(r):\n    a.clear()\n",
     [(3, "a", 1, "one")]),
    ("a counter", "import itertools\nids = itertools.count(1)\ndef add(r):\n    return next(ids)\n",
     [(4, "ids", 2, "add")]),
    ("a handler of Flask", "app = Flask(__name__)\ntodos = []\n@app.route('/')\ndef add():\n    todos.append(1)\n",
     [(5, "todos", 2, "add")]),
    ("a handler of FastAPI",
     "app = FastAPI()\ndb: dict[int, Item] = {}\n@app.put('/{id}')\nasync def put(id: int):\n    db[id] = 1\n",
     [(5, "db", 2, "put")]),
    ("a handler of a blueprint",
     "bp = Blueprint('a', __name__)\nn = 0\n@bp.get('/')\ndef add():\n    global n\n    n += 1\n",
     [(6, "n", 2, "add")]),
    ("a method of a view", "seen = set()\nclass View(MethodView):\n    def get(self):\n        seen.add(1)\n",
     [(4, "seen", 1, "get")]),
    ("a counter of a text", "n = 'aa'.count('a')\ndef one(r):\n    return n, next(iter('a'))\n", []),
    ("a list that is read", "a = [1]\ndef one(r):\n    return a[0], a.count(1)\n", []),
    ("a list of the function's own", "a = []\ndef one(r):\n    a = []\n    a.append(1)\n", []),
    ("a parameter of that name", "a = []\ndef one(a):\n    a.append(1)\n", []),
    ("another object with such a method",
     "import os\na = object()\ndef one(r):\n    a.update(1); os.environ.pop('b')\n", []),
    ("a change while loading", "a = []\na.append(1)\ndef fill():\n    a.append(2)\nfill()\n", []),
    ("a change by a decorator",
     "a = []\ndef add(f):\n    a.append(f)\n    return f\n@add\ndef one(r):\n    return a\n", []),
    ("a change by what makes a decorator",
     "a = []\ndef d(p):\n def to(f):\n  a.append(f)\n  return f\n return to\nclass B:\n @d(1)\n def b(r): 1\n", []),
    ("a change by what a decorator puts in place",
     "a = {}\ndef add(f):\n    def inner(r):\n        a[r] = f(r)\n    return inner\n@add\ndef one(r):\n    return 1\n",
     [(4, "a", 1, "inner")]),
    ("a global that the module does not make", "def one(r):\n    global n\n    n = 1\n", []),
    ("a database in memory",
     "import sqlite3\ndb = sqlite3.connect(':memory:')\ndef add(r):\n    db.execute('INSERT INTO t VALUES (1)')\n",
     [(4, "db", 2, "add")]),
    ("a script for a database in memory",
     "from sqlite3 import connect\ndb = connect('file::memory:', uri=True)\ndef add(r):\n    db.executescript(r)\n",
     [(4, "db", 2, "add")]),
    ("a database in memory that is read",
     "import sqlite3\ndb = sqlite3.connect(':memory:')\ndb.execute('CREATE TABLE t (a)')\ndef one(r): db.execute(r)\n",
     []),
    ("the app's own database",
     "import sqlite3\ndb = sqlite3.connect('app.db')\ndef add(r):\n    db.execute('INSERT INTO t VALUES (1)')\n", []),
    ("nothing to look at", "def one(r):\n    return 1\n", []),
]  # fmt: skip


@pytest.mark.parametrize(("source", "found"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_both_find_the_same(source: str, found: list[tuple[int, str, int, str]]) -> None:
    assert [tuple(one)[:4] for one in changed_globals(source)] == found
    assert [tuple(one)[:4] for one in ENGINE(source)] == found
    for one in changed_globals(source):
        assert ("sqlite3.connect('app.db')" in str(one)) == (":memory:" in source)
    assert [str(one) for one in ENGINE(source)] == [str(one) for one in changed_globals(source)]


def test_both_refuse_what_is_no_python() -> None:
    for function in (changed_globals, ENGINE):
        with pytest.raises(SyntaxError):
            function("a = []\ndef (\n")
