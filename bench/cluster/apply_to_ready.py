# SPDX-License-Identifier: Apache-2.0
"""From `kubectl apply` to an app that answers its callers, and the floor beneath it, in turns."""

from __future__ import annotations

from bench.apps import ANSWERS
from bench.cluster.bare_pod import floor
from bench.cluster.platform import Platform
from bench.cluster.start import Started, start
from bench.context import Context
from bench.figures import Figure, figure, peer


async def apply_to_ready(context: Context, platform: Platform) -> list[Figure]:
    """Ready is True and a pod of the app's namespace got an answer through its Service; all earlier apps keep running.

    The app's time includes all its children and the binding of its claim; the bare pod's claim is bound beforehand."""
    # Not counted: the first app of all brings image and engine into the page cache.
    warm_up = await start(platform, platform.name("ready"), ANSWERS)
    bare = await floor(platform, warm_up.child)
    apps: list[Started] = []
    floors: list[float] = []
    for number in range(context.amount(30, 2)):
        apps.append(await start(platform, platform.name("ready", number + 1), ANSWERS))
        floors.append(await bare.start())
    answered = [app.answered - app.applied for app in apps]
    ready = [app.ready - app.applied for app in apps]
    first = [app.first_request * 1000 for app in apps]
    return [
        figure("apply to Ready and answering", "s", "kubernetes", answered, peer("bare pod", floors)),
        figure("apply to Ready condition", "s", "kubernetes", ready),
        figure("cold: first request after Ready", "ms", "kubernetes", first),
    ]
