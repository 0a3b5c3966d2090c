# SPDX-License-Identifier: Apache-2.0
"""The measured app as a FastAPI user writes it: an async handler and a declared type of the answer."""

from fastapi import FastAPI, Request

app = FastAPI()


async def hello(request: Request) -> dict[str, str]:
    """The same answer as bench.apps."""
    # The path as it stands: `request.url.path` would parse the whole URL for it, which is no part of the comparison.
    return {"hello": request.scope["path"]}


app.add_api_route("/", hello)
