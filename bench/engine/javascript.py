# SPDX-License-Identifier: Apache-2.0
"""Apps in JavaScript, beside the same in workerd."""

from __future__ import annotations

from bench.apps import JAVASCRIPT_ANSWERS
from bench.context import Context
from bench.engine.beside_workerd import beside_workerd
from bench.engine.never_seen import never_seen
from bench.engine.waiting import waiting_for_tool
from bench.figures import Figure
from genapps.api.generatedapp import Language


async def javascript(context: Context) -> list[Figure]:
    """Requests to a loaded app, small and large, with state, a wait or a tool; then apps that were never seen."""
    source, language = JAVASCRIPT_ANSWERS, Language.JAVASCRIPT
    figures = [
        *await beside_workerd(context, "JavaScript, c=32", source, "/", compared=True, language=language),
        *await beside_workerd(context, "JavaScript, 16 KiB, c=32", source, "/large", compared=True, language=language),
        *await beside_workerd(
            context, "JavaScript, durable get + put, c=32", source, "/state?key={connection}", language=language
        ),
        *await beside_workerd(
            context, "JavaScript, 10 ms wait, c=200", source, "/wait", 200, compared=True, language=language
        ),
        *await waiting_for_tool(context, "JavaScript, 10 ms tool, c=200", source, language),
    ]
    return figures + await never_seen(
        context,
        "never-seen app in JavaScript, first response",
        "never-seen app in JavaScript, CPU",
        "private memory per loaded app in JavaScript",
        Language.JAVASCRIPT,
    )
