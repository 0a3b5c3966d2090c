# SPDX-License-Identifier: Apache-2.0
"""When a watch of kopf counts as dead."""

import aiohttp
from aiohttp import web

from genapps.controller.watch.liveness import TURN_SECONDS, StreamLiveness
from tests.unit.controller.world import Clock


def test_a_stream_that_is_not_opened_again_is_dead_although_nothing_changes() -> None:
    clock = Clock()
    liveness = StreamLiveness(["generatedapps", "connectors"], clock.time)
    clock.move_to(1000)
    assert liveness.silent() == "", "kopf has not begun"
    liveness.begin()
    clock.move_to(1000 + TURN_SECONDS + 20)
    liveness.opened("generatedapps")
    assert liveness.silent() == ""
    clock.move_to(1500)
    assert "connectors has not been opened again" in liveness.silent()
    liveness.opened("connectors")
    assert liveness.silent() == ""
    clock.move_to(1700)
    assert "generatedapps has not been opened again" in liveness.silent()


async def test_the_session_tells_which_stream_is_opened() -> None:
    clock = Clock()
    liveness = StreamLiveness(["generatedapps"], clock.time)
    liveness.begin()
    clock.move_to(1000)
    assert liveness.silent()

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=503)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    root = f"http://127.0.0.1:{runner.addresses[0][1]}/apis/genapps.dev/v1alpha1"
    async with aiohttp.ClientSession(trace_configs=[liveness.trace()]) as session:
        async with session.get(f"{root}/connectors?watch=true"):
            assert liveness.silent()
        async with session.get(f"{root}/generatedapps?watch=true"):
            assert liveness.silent() == "", "an attempt that fails is one"
    await runner.cleanup()
