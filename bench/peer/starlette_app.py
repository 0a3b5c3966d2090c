# SPDX-License-Identifier: Apache-2.0
"""The measured app on Starlette alone: what is under FastAPI, without its validation; and a file from a folder."""

import os

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles


async def hello(request: Request) -> JSONResponse:
    """The same answer as bench.apps."""
    return JSONResponse({"hello": request.scope["path"]})


files = Mount("/", StaticFiles(directory=os.environ["BENCH_FILES"]))
app = Starlette(routes=[Route("/", hello), files])
