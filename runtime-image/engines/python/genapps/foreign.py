# SPDX-License-Identifier: Apache-2.0
"""Apps in other forms: a callable of ASGI or WSGI that the entry names `app` or `application`, an app of the layer
`fastapi`, or a Worker.
"""

import inspect
from collections.abc import Mapping
from typing import Any

from genapps import asgi, workers, wsgi
from genapps.routes import App, app

NAMES = ("app", "application")


def adopt(namespace: Mapping[str, Any]) -> None:
    """Serve what the entry names, if it is an application of another form and there are no routes of ours.

    Its start-up runs now. Raises what the start-up raises.
    """
    if app.routes():
        return
    worker = workers.server_in(namespace)
    if worker is not None:
        app.serve_rest(worker)
        return
    for name in NAMES:
        found = namespace.get(name)
        answer = getattr(type(found), "__genapps_answer__", None)
        if answer is not None:
            app.serve_rest(answer.__get__(found))
            return
        if callable(found) and not isinstance(found, App | type):
            if _takes(found, 3) and _is_coroutine(found):
                server = asgi.Server(found)
                server.start_up()
                app.serve_rest(server)
                return
            if _takes(found, 2) and not _is_coroutine(found):
                app.serve_rest(wsgi.Server(found))
                return


def _takes(found: Any, number: int) -> bool:
    try:
        inspect.signature(found).bind(*[None] * number)
    except (TypeError, ValueError):
        return False
    return True


def _is_coroutine(found: Any) -> bool:
    return any(inspect.iscoroutinefunction(one) for one in (found, vars(type(found)).get("__call__")))
