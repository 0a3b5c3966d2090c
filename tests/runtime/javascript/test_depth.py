# SPDX-License-Identifier: Apache-2.0
"""Whatever calls itself without end is an error of the app, and never the end of its instance.

QuickJS counts the stack in its memory and not the machine's: a function that takes much of the latter and little of the
former would trap. Callers reach some of these by what they send.
"""

import time

import pytest

from genapps_runtime.bundle import Bundle, load_message
from genapps_runtime.guest.engine import Language
from genapps_runtime.guest.instance import Guest
from genapps_runtime.guest.messages import start_message
from genapps_runtime.heartbeat import Heartbeat

MEMORY = 64 * 1024 * 1024
WAYS = {
    "calls": "deep(1e6)",
    "JSON that is parsed": "JSON.parse('['.repeat(1e5) + ']'.repeat(1e5))",
    "JSON objects that are parsed": "JSON.parse('{\"a\":'.repeat(1e5))",
    "JSON that is made": "JSON.stringify(nested)",
    "a JSON reviver": "JSON.parse('['.repeat(900) + ']'.repeat(900), function () { return deep(1e6); })",
    "toString": "String(new (class A { toString() { return String(this); } })())",
    "a getter": "({ get x() { return this.x; } }).x",
    "proxies": "proxies.x",
    "bound functions": "bound()",
    "Reflect.apply": "(function f() { return Reflect.apply(f, null, []); })()",
    "a constructor": "new (class A { constructor() { new A(); } })()",
    "generators": "[...(function* g() { yield* g(); })()]",
    "flat": "nested.flat(Infinity)",
    "structuredClone": "structuredClone(nested)",
    "a comparator": "[2, 1].sort(() => deep(1e6))",
    "a replacer": "'a'.replace(/a/, () => deep(1e6))",
    "a pattern": "new RegExp('(?:'.repeat(1e5) + 'a' + ')'.repeat(1e5)).test('a')",
    "a template": "(function f() { return `${{ [Symbol.toPrimitive]: f }}`; })()",
    "an array's join": "nested.join()",
    "console.log": "console.log(nested)",
    "await in a getter": "({ get then() { return this.then; } }).then",
}
SOURCE = """
const deep = (n) => (n ? deep(n - 1) + 1 : 0);
let nested = [], proxies = {}, bound = () => 1;
for (let i = 0; i < 1e5; i++) nested = [nested];
for (let i = 0; i < 2e4; i++) proxies = new Proxy(proxies, {});
for (let i = 0; i < 2000; i++) bound = bound.bind(null);
export default {
  fetch() {
    try {
      return new Response(`ok ${typeof (%s)}`);
    } catch (error) {
      return new Response(error.name);
    }
  },
};
"""


@pytest.fixture(params=[False, True], ids=["on the loop's stack", "on a fiber"])
def pausing(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.mark.parametrize("way", WAYS)
def test_depth_ends_in_an_error_that_the_app_can_catch(way: str, javascript: Language, pausing: bool) -> None:
    guest = Guest(javascript, Heartbeat(), MEMORY, pausing=pausing)
    bundle = Bundle("app.js", {"app.js": (SOURCE % WAYS[way]).encode()})
    guest.load(load_message(bundle, 1000, "javascript"), 10)
    turn = guest.start(start_message(1, "r", "GET", "/", "", [], b""), time.monotonic() + 10, lambda _record: None)
    while guest.computing:
        turn = guest.go_on()
    assert turn.rpartition(b"\0")[2] in (b"RangeError", b"InternalError", b"SyntaxError", b"ok undefined", b"ok string")
    assert not guest.dropped
    guest.drop()
