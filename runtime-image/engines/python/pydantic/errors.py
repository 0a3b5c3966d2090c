# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a value, in pydantic's words."""

from typing import Any

Place = tuple[str | int, ...]
"""Where a value is: names of fields and numbers of items."""


class ValidationError(ValueError):
    """A value does not fit; `errors()` has type, place, sentence and value of each problem."""

    def __init__(self, title: str, problems: list[dict[str, Any]]) -> None:
        self._problems = problems
        lines = [f"{'.'.join(map(str, one['loc']))}\n  {one['msg']} [type={one['type']}]" for one in problems]
        count = f"{len(problems)} validation error{'s' if len(problems) > 1 else ''} for {title}"
        super().__init__("\n".join([count, *lines]))

    def errors(self) -> list[dict[str, Any]]:
        """Each problem."""
        return self._problems


class Unfit(Exception):  # noqa: N818  it never leaves the layer
    """A value does not fit; its problems."""

    def __init__(self, problems: list[dict[str, Any]]) -> None:
        super().__init__()
        self.problems = problems


def unfit(kind: str, place: Place, text: str, value: Any, **context: Any) -> Unfit:
    """To be raised, with one problem."""
    found = {"type": kind, "loc": place, "msg": text, "input": value}
    return Unfit([found | {"ctx": context} if context else found])
