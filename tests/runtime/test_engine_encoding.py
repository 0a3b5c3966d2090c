# SPDX-License-Identifier: Apache-2.0
"""The engine's quick JSON and queries against Python's own functions, inside the engine and its version of Python."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from genapps_runtime.guest.engine import Language
from genapps_runtime.guest.instance import Guest
from genapps_runtime.guest.messages import start_message
from genapps_runtime.guest.turns import Done, parse_turn
from genapps_runtime.heartbeat import Heartbeat

SOURCE = """
import json
from urllib.parse import parse_qsl
import genapps
from genapps import app

own = genapps.encoding

def outcome(function, value, **options):
    try:
        return repr(function(value, **options))
    except Exception as error:
        return [type(error).__name__, str(error), *getattr(error, "__notes__", ())]

@app.post("/loads")
async def loads(request):
    text = await request.text()
    return [outcome(own.from_json, text), outcome(json.loads, text)]

@app.post("/dumps")
async def dumps(request):
    value = eval(await request.text(), {"object": object(), "nan": float("nan")})
    strict = {"allow_nan": False, "default": genapps.plain.plain}
    dense = {**strict, "separators": (",", ":")}
    return [
        [outcome(own.to_json, value), outcome(own.to_dense_json, value)],
        [outcome(json.dumps, value, **strict), outcome(json.dumps, value, **dense)],
    ]

@app.post("/queries")
async def queries(request):
    return [request.query_list, parse_qsl(await request.text(), keep_blank_values=True)]
"""


@pytest.fixture(scope="module")
def guest(engine: Path) -> Iterator[Guest]:
    guest = Guest(Language(str(engine)), Heartbeat(), 64 * 1024 * 1024)
    guest.load(json.dumps({"entry": "app.py", "files": {"app.py": SOURCE}, "logBytes": 1000}), 60)
    yield guest
    guest.drop()


def _both(guest: Guest, path: str, text: str, query: str = "") -> Any:
    message = start_message(1, "r", "POST", path, query, [], text.encode())
    turn = parse_turn(guest.start(message, time.monotonic() + 60, lambda _record: None))
    assert isinstance(turn, Done)
    return json.loads(turn.piece)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)
PLAIN = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@settings(max_examples=150, deadline=None)
@given(JSON.map(json.dumps) | st.text('0123-+.eE"\\u[]{}:, \ntrufalsn', min_size=1, max_size=10))
@example("\ufeff1")
@example("NaN")
def test_texts_become_the_value_that_json_loads_returns(guest: Guest, text: str) -> None:
    own, stock = _both(guest, "/loads", text)
    assert own == stock


@settings(max_examples=150, deadline=None)
@given(JSON.map(repr))
@example("object")
@example("[{'a': [nan]}]")
@example("{(1, 2): 3}")
@example("{1: 2, None: 3, True: 4.5}")
@example("(lambda circle: circle.append(circle) or circle)([])")
def test_values_become_the_text_that_json_dumps_writes(guest: Guest, value: str) -> None:
    own, stock = _both(guest, "/dumps", value)
    assert own == stock


@settings(max_examples=150, deadline=None)
@given(st.text("ab=&;%+20\u00e9# ", min_size=1, max_size=20) | PLAIN.filter(lambda query: query != ""))
def test_a_query_is_parsed_as_parse_qsl_does(guest: Guest, query: str) -> None:
    own, stock = _both(guest, "/queries", query, query)
    assert own == stock
