# SPDX-License-Identifier: Apache-2.0
"""What a generated app may use: routes, tools, state and log.

from genapps import app, state

@app.get("/hello/{name}")
async def hello(request, name):
    return {"hello": name}
"""

from genapps.calls import ToolError, gather
from genapps.errors import BadRequest
from genapps.logs import log
from genapps.messages import Request
from genapps.responses import HTMLResponse, JSONResponse, Response, file, html, redirect
from genapps.routes import app
from genapps.sql import SqlError
from genapps.state import state
from genapps.streaming import StreamingResponse, events
from genapps.tools import tools

__all__ = [
    "BadRequest", "HTMLResponse", "JSONResponse", "Request", "Response", "SqlError", "StreamingResponse", "ToolError",
    "app", "events", "file", "gather", "html", "log", "redirect", "state", "tools",
]  # fmt: skip
