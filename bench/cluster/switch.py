# SPDX-License-Identifier: Apache-2.0
"""How long a change takes: from the edit of a running app's code to the first answer of the new code."""

from __future__ import annotations

import time

from bench.apps import EDITED, generated_app
from bench.cluster.platform import Platform
from bench.cluster.start import start
from bench.context import Context
from bench.figures import Figure, figure
from bench.load.job import Answer


async def switch(context: Context, platform: Platform) -> list[Figure]:
    """One app, edited again and again; callers ask for a path that only the new code has, until it answers 200."""
    name = platform.name("switch")
    started = await start(
        platform, name, "from genapps import app\n\n\n@app.get('/')\ndef hello(request):\n    return {}\n"
    )
    seconds = []
    for edition in range(1, context.amount(20, 2) + 1):
        edited = time.time()
        await platform.client.apply(generated_app(name, EDITED.format(edition=edition)))
        answer = await platform.generator.answer(Answer(started.address, 80, f"/edition-{edition}", deadline=60))
        seconds.append(answer.at - edited)
    return [figure("spec edit to the new code", "s", "kubernetes", seconds)]
