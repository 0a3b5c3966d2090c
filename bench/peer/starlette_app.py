# SPDX-License-Identifier: Apache-2.0
"""The measured app on Starlette alone: what is under FastAPI, without its validation."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def hello(request: Request) -> JSONResponse:
    """The same answer as bench.apps."""
    return JSONResponse({"hello": request.scope["path"]})


app = Starlette(routes=[Route("/", hello)])
