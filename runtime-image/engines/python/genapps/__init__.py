# SPDX-License-Identifier: Apache-2.0
"""What a generated app may use: routes, tools, state and log.

from genapps import app, state

@app.get("/hello/{name}")
async def hello(request, name):
    return {"hello": name}
"""

from genapps.calls import ToolError, gather
from genapps.logs import log
from genapps.messages import BadRequest, Request, Response
from genapps.routes import app
from genapps.state import state
from genapps.tools import tools

__all__ = ["BadRequest", "Request", "Response", "ToolError", "app", "gather", "log", "state", "tools"]
