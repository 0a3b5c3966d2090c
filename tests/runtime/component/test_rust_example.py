# SPDX-License-Identifier: Apache-2.0
"""The example in Rust, built as its script does, as an app: state, a tool, a timer, a panic."""

import pytest

from tests.runtime.harness import Pod
from tools.rust_example import NoRustError, rust_example


@pytest.fixture(scope="module")
def built() -> bytes:
    try:
        return rust_example().read_bytes()
    except NoRustError as error:
        pytest.skip(str(error))


async def test_the_example_in_rust_is_an_app(pod: Pod, built: bytes) -> None:
    pod.gateway.answers["exchange-rates"] = 200, {"result": {"currency": "EUR", "rate": 0.9}}
    pod.write({"app.wasm": built}, language="component", entry="app.wasm")
    await pod.start()
    assert pod.log("ready")[0]["routes"] == ["GET /", "GET /hello/{name}", "GET /rate/{currency}", "GET /later"]
    assert (await pod.call("GET", "/")).json() == {"hello": "/"}
    assert [(await pod.call("GET", "/hello/Zo\u00eb")).json() for _ in range(2)] == [{"visits": 1}, {"visits": 2}]
    assert (await pod.call("GET", "/rate/EUR")).json() == {"rate": 0.9}
    assert pod.gateway.calls[0]["arguments"] == {"currency": "EUR"}
    assert (await pod.call("GET", "/later")).json() == "later"
    assert (await pod.call("GET", "/nothing")).code == "RouteNotFound"
    pod.gateway.answers.clear()
    assert (await pod.call("GET", "/rate/EUR")).code == "ToolFailed"
    assert (await pod.call("GET", "/panic")).code == "GuestTrapped"
    assert "asked to" in str(pod.log()[-1]["log"])
    assert (await pod.call("GET", "/hello/Zo\u00eb")).json() == {"visits": 3}
