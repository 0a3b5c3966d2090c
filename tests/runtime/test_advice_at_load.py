# SPDX-License-Identifier: Apache-2.0
"""What is refused when an app loads, with the line and what to write, and what its log advises."""

from pathlib import Path

import pytest

from genapps_runtime.guest.engine import Language
from genapps_runtime.termination import Reason, RefusedError
from tests.support.guest import AppInEngine

HEAD = "from genapps import app\n"
ITEM = "async def item(request):\n    pass\n"
ITEM_ID = "def item(request, id):\n    pass\n"

REFUSED = [
    (
        "a handler without the name in its path",
        "@app.get('/items/{id}')\n" + ITEM,
        (
            "item(request) cannot answer GET /items/{id}: got an unexpected keyword argument 'id'; "
            "write `async def item(request, id)`"
        ),
    ),
    (
        "a handler without a request",
        "@app.post('/')\ndef add():\n    pass\n",
        "add() cannot answer POST /: too many positional arguments; write `def add(request)`",
    ),
    (
        "a handler as in FastAPI",
        "@app.get('/items/{id}')\ndef item(id: int):\n    pass\n",
        "multiple values for argument 'id'; write `def item(request, id)`",
    ),
    ("a name too many", "@app.get('/a')\n" + ITEM_ID, "missing a required argument: 'id'; write `def item(request)`"),
    (
        "a path as in Flask",
        "@app.get('/items/<int:id>')\n" + ITEM_ID,
        "has '<int:id>', which would match only itself: write '{id}' and convert the text in the handler",
    ),
    (
        "a path as in Express",
        "@app.get('/items/:id')\n" + ITEM_ID,
        "the path '/items/:id' has ':id', which would match only itself: write '{id}'",
    ),
    ("a path as in Starlette", "@app.get('/items/{id:int}')\n" + ITEM_ID, "has '{id:int}', which would match only"),
    ("a star", "@app.get('/files/*')\n" + ITEM, "has '*', which would match only itself: write '{rest:path}'"),
    ("an empty brace", "@app.get('/files/{}')\n" + ITEM, "has a brace that holds no name"),
    ("a name twice", "@app.get('/{id}/{id}')\n" + ITEM_ID, "has a name twice"),
    ("a path without a slash", "@app.get('x')\n" + ITEM, "must start with '/'"),
    ("no path", "@app.get\n" + ITEM, "a route needs its path in parentheses"),
    ("a handler that is none", "app.get('/')(5)\n", "the handler of GET / is no function: int"),
    (
        "a route twice",
        "app.get('/a')(lambda request: 1); app.get('/a')(lambda request: 2)\n",
        "GET /a has a handler already, <lambda>: remove one, or give it another path",
    ),
    (
        "a pattern twice",
        "app.get('/{a}')(lambda request, a: 1); app.get('/{b}')(lambda request, b: 2)\n",
        "GET /{b} has a handler already",
    ),
]


@pytest.fixture(scope="module")
def language(engine: Path) -> Language:
    return Language(str(engine))


@pytest.mark.parametrize(("source", "said"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_a_route_that_can_never_answer_is_refused_with_its_line(language: Language, source: str, said: str) -> None:
    with pytest.raises(RefusedError) as refused:
        AppInEngine(language, HEAD + source)
    assert refused.value.reason is Reason.CODE_REJECTED
    assert refused.value.message.startswith("app.py, line 2: RouteError: ")
    assert said in refused.value.message


def test_routes_that_look_alike_are_served(language: Language) -> None:
    source = HEAD + (
        "@app.get('/v1/items:batch')\ndef batch(request, extra=None): return 'batch'\n"
        "@app.post('/v1/items:batch')\ndef other(request, *more, **names): return 'post'\n"
        "@app.get('/{name}')\ndef name(request, name): return name\n"
        "@app.get('/{rest:path}')\ndef rest(request, rest): return 'rest ' + rest\n"
    )
    app = AppInEngine(language, source)
    answers = [app.call(*target).body for target in (
        ("GET", "/v1/items:batch"), ("POST", "/v1/items:batch"), ("GET", "/a"), ("GET", "/a/b"),
    )]  # fmt: skip
    assert answers == [b"batch", b"post", b"a", b"rest a/b"]
    assert app.log == []


def test_the_log_names_what_handlers_change_at_module_level(language: Language) -> None:
    source = HEAD + "todos = []\n@app.post('/')\nasync def add(request):\n    todos.append(await request.text())\n"
    app = AppInEngine(language, source)
    (record,) = app.log
    assert record["level"] == "warning"
    assert record["fields"] == {"file": "app.py", "line": "5"}
    assert record["message"] == (
        "app.py, line 5: add changes 'todos', which is made at module level (line 2): each instance of the app has "
        "its own, and loses it at a restart. Use state: await state.put('todos', ...)"
    )
