# SPDX-License-Identifier: Apache-2.0
"""Where a parameter of a handler comes from, when its annotation alone does not say it."""

import inspect
from collections.abc import Callable
from typing import Any

from genapps.forms import Upload
from pydantic.fields import UNSET, FieldInfo

UploadFile = Upload
"""A file of a form."""


class Param(FieldInfo):
    """`source` is the part of the request."""

    source = ""

    def __init__(self, default: Any = UNSET, *, embed: bool = False, **more: Any) -> None:
        """`embed`: the body is an object in which this is one name. Raises TypeError for what is not known."""
        self.embed = embed
        super().__init__(default, **more)


class Query(Param):
    """A parameter of the query; with a list as type each value of that name."""

    source = "query"


class Path(Param):
    """A name in the path."""

    source = "path"


class Header(Param):
    """A header: `user_agent` is `User-Agent`."""

    source = "header"


class Cookie(Param):
    """A cookie."""

    source = "cookie"


class Body(Param):
    """The body as JSON, or a part of it."""

    source = "body"


class Form(Param):
    """A field of a form."""

    source = "form"


class File(Param):
    """A file of a form."""

    source = "file"


class Depends:
    """What a function returns, which has parameters itself. It is asked once in a request."""

    def __init__(self, dependency: Callable[..., Any] | None = None) -> None:
        self.dependency = dependency


class BackgroundTasks:
    """Functions that run after the handler and before the answer: an app has no time of its own later."""

    def __init__(self) -> None:
        self._tasks: list[Callable[[], Any]] = []

    def add_task(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Run a function after the handler."""
        self._tasks.append(lambda: func(*args, **kwargs))

    async def run(self) -> None:
        """Run them in order."""
        for task in self._tasks:
            answer = task()
            if inspect.isawaitable(answer):
                await answer
