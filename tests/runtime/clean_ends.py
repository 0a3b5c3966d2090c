# SPDX-License-Identifier: Apache-2.0
"""What holds when a guest or a request has misbehaved, in whatever language: the answer and the log say it, and the app
goes on.
"""

import io

from tests.runtime.harness import Answer, Pod
from tests.runtime.hostile_cases import Request, wanted
from tests.runtime.javascript.served import Served


def ended(app: Pod | Served, before: int, path: str, answer: Answer, status: int, code: str) -> None:
    """The answer and the only new line of the log say so."""
    lines = app.log()[before:]
    assert (answer.status, answer.code if code else "") == (status, code), lines
    if code:
        assert answer.json()["requestId"] == answer.headers["genapps-request-id"]
    assert [(line["path"], line["status"], line.get("code") or "") for line in lines] == [(path, status, code)]


async def unharmed(app: Pod | Served) -> None:
    """The app answers, and its process is the one that it was."""
    for _ in range(2):  # an app that fails half of its requests is left alone for a while
        fine = await app.call("GET", "/fine")
        assert (fine.status, fine.json()) == (200, {"fine": True})
    if isinstance(app, Pod):
        assert app.process is not None
        assert app.process.returncode is None
        assert not app.log("worker ended")


async def answered(pod: Pod, request: Request) -> None:
    """The request gets what its row says."""
    body = io.BytesIO(request.body)
    answer = await pod.call(request.method, request.path, data=body, headers=request.headers)
    if request.code:
        assert (answer.status, answer.code) == (request.status, request.code), answer
    else:
        assert (answer.status, answer.json()) == (request.status, wanted(request)), answer
