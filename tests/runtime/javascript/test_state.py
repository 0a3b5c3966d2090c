# SPDX-License-Identifier: Apache-2.0
"""`env.STATE` in JavaScript: listings with a request's own writes, and what SQL takes and gives."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genapps_runtime.guest.engine import Language
from genapps_runtime.guest.turns import Call
from tests.support.guest import AppInEngine

APP = """
export default {
  async fetch(request, env) {
    const { writes, prefix, limit, sql } = await request.json();
    if (sql) {
      const rows = await env.STATE.sql(...sql.map((text) => (text in EVALUATED ? EVALUATED[text] : text)));
      return Response.json(rows.map((row) => Object.entries(row)));
    }
    for (const [key, value] of writes) await (value === null ? env.STATE.delete(key) : env.STATE.put(key, value));
    const pages = [];
    let cursor = null;
    do {
      const page = await env.STATE.list({ prefix, limit, cursor });
      pages.push([...page]);
      ({ cursor } = page);
    } while (cursor !== null);
    return Response.json(pages);
  },
};
const EVALUATED = {
  minusZero: -0, large: 2 ** 63, huge: 1e300, fraction: 0.1, exact: 2 ** 53, negative: -(2 ** 64), yes: true,
  big: 2n ** 53n, bytes: new Uint8Array([0, 255]).subarray(1), view: new DataView(new ArrayBuffer(2)),
  nothing: undefined, list: [1, "two"], named: { a: 1, ["__proto__"]: "p" }, nul: "a\\0b\\ud83d",
};
"""
# Some of each class: the order of UTF-8 is not that of UTF-16, and numbers and __proto__ are special to objects.
KEYS = st.sampled_from(
    ["a", "a/1", "a/2", "b", "10", "9", "__proto__", "constructor", "\uffee", "\U0001f600", "a\0", "é"]
)


class WithSql(AppInEngine):
    """Keeps what was asked by SQL, and gives one row of what is strange."""

    asked: dict[str, Any]

    def _result(self, call: Call, body: bytes) -> dict[str, Any]:
        if call.kind != "sql":
            return super()._result(call, body)
        self.asked = call.payload
        row = [{"base64": "AP8="}, {"float": "inf"}, None, 2, 3, "x"]
        return {"ok": json.dumps([["__proto__", "f", "constructor", "n", "n", "toString"], [row], -1, None])}


@pytest.fixture(scope="module")
def app(javascript: Language) -> WithSql:
    return WithSql(javascript, APP, "app.js", "javascript")


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(KEYS, st.integers(0, 9), max_size=8),
    st.lists(st.tuples(KEYS, st.none() | st.integers(10, 19)), max_size=8),
    st.sampled_from(["", "a", "a/", "zz", "__", "\U0001f600"]),
    st.integers(1, 4),
)
def test_pages_are_all_entries_in_order_with_the_requests_own_writes(
    app: WithSql, stored: dict[str, int], writes: list[tuple[str, int | None]], prefix: str, limit: int
) -> None:
    app.state = {key: json.dumps(value) for key, value in stored.items()}
    message = json.dumps({"writes": writes, "prefix": prefix, "limit": limit}).encode()
    answer = app.call("POST", "/", message)
    assert answer.status == 200, answer.detail
    pages = answer.json()
    whole = {**stored, **dict(writes)}
    expected = sorted((key, value) for key, value in whole.items() if value is not None and key.startswith(prefix))
    assert [tuple(entry) for page in pages for entry in page] == expected
    assert all(len(page) <= limit for page in pages)
    assert all(pages[:-1])


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        (["minusZero", "large", "negative"], [0, 2.0**63, -(2.0**64)]),
        (["huge", "fraction", "exact", "big"], [1e300, 0.1, 2**53, 2**53]),
        (["yes", "nothing", "nul", "text"], [1, None, "a\0b\ufffd", "text"]),
        (["bytes", "view"], [b"\xff", b"\0\0"]),
        (["list"], [1, "two"]),
        (["named"], {"a": 1, "__proto__": "p"}),
        ([], []),
    ],
)
def test_sql_takes_values_as_they_are(app: WithSql, given: list[str], taken: Any) -> None:
    answer = app.call("POST", "/", json.dumps({"sql": ["SELECT 1\0--", *given]}).encode())
    assert answer.status == 200, answer.detail
    found = app.asked["parameters"]
    assert (found, [*map(type, found)]) == (taken, [*map(type, taken)])


def test_a_row_has_each_column_by_its_name_alone(app: WithSql) -> None:
    names = [name for name, _ in app.call("POST", "/", json.dumps({"sql": ["SELECT 1"]}).encode()).json()[0]]
    assert names == ["__proto__", "f", "constructor", "n", "toString"]
