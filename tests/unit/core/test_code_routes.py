# SPDX-License-Identifier: Apache-2.0
"""Routes that an engine would refuse, found in an app's text."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from genapps.core.code.routes import route_faults
from tests.support.engine_modules import engine_module

SHAPES = engine_module("shapes")
HEAD = "from genapps import app\n"


@given(st.text(st.sampled_from("/a1{}<>:* int path"), max_size=16).map(lambda rest: "/" + rest))
@example("x")
@example("/{a}/{a}")
@example("/{rest:path}")
@example("/v1/items:batch")
def test_paths_are_refused_as_the_engine_refuses_them(path: str) -> None:
    try:
        names = SHAPES.names_in(path)
    except SHAPES.RouteError as error:
        said = [str(error)]
    else:
        taken = ", ".join(["request", *names])
        assert route_faults(f"{HEAD}@app.get({path!r})\ndef item({taken}): ...\n") == []
        return
    assert [one.message for one in route_faults(f"{HEAD}@app.get({path!r})\ndef item(request, **more): ...\n")] == said


@pytest.mark.parametrize(
    ("source", "line", "said"),
    [
        ("@app.get('/{id}')\ndef one(request): ...\n", 2, "it does not take 'id'; write `def one(request, id)`"),
        ("@app.get('/')\nasync def one(): ...\n", 2, "it takes no request; write `async def one(request)`"),
        ("@app.get('/')\ndef one(request, id): ...\n", 2, "nothing gives it 'id'; write `def one(request)`"),
        ("@app.get('/')\ndef one(request, *, id): ...\n", 2, "nothing gives it 'id'"),
        ("@app.get('/{id}')\ndef one(id): ...\n", 2, "it does not take 'id'; write `def one(request, id)`"),
        ("@app.get('/{id}')\ndef one(request, id, /): ...\n", 2, "it does not take 'id'"),
        ("@app.get('/{a}')\ndef one(request, a): ...\n@app.route('get', '/{b}')\ndef two(request, b): ...\n", 4,
         "GET /{b} has a handler already, one"),
    ],
)  # fmt: skip
def test_a_handler_that_cannot_answer_is_found_with_its_line(source: str, line: int, said: str) -> None:
    (fault,) = route_faults(HEAD + source)
    assert fault.line == line
    assert said in fault.message


@pytest.mark.parametrize(
    "source",
    [
        HEAD + "@app.get('/{id}')\ndef one(request, id, more=1, *, last=2): ...\n",
        HEAD + "@app.get('/{id}')\ndef one(*arguments, **names): ...\n",
        HEAD + "@app.get('/{id}')\n@wrapped\ndef one(): ...\n",
        HEAD + "@app.get('/')\n@app.post('/')\ndef one(request): ...\n",
        HEAD + "@app.get('/')\n@app.get('/home')\ndef one(request): ...\n",
        HEAD + "@app.get(PATH)\ndef one(): ...\n",
        "from flask import Flask\napp = Flask(__name__)\n@app.get('/<id>')\ndef one(id): ...\n",
        "x = '@app.get'\n",
    ],
)
def test_what_can_answer_or_is_not_known_is_left_alone(source: str) -> None:
    assert route_faults(source) == []
