# SPDX-License-Identifier: Apache-2.0
"""A small part of pydantic 2: models that check what comes in. What is not here says so when it is imported."""

from typing import Never

from .checks import EmailStr
from .errors import ValidationError
from .fields import Field
from .models import BaseModel, ConfigDict, field_validator

_ELSEWHERE = {
    "validator": "write @field_validator, as pydantic 2 has it",
    "constr": "write Annotated[str, Field(min_length=...)]",
    "conint": "write Annotated[int, Field(ge=...)]",
    "BaseSettings": "apps have no environment: write settings into the code",
}


def __getattr__(name: str) -> Never:
    if name.startswith("__"):
        raise AttributeError(name)
    advice = _ELSEWHERE.get(name, "check the value in the handler, or in a @field_validator")
    raise ImportError(f"pydantic.{name} is not in the part of pydantic that apps have: {advice}")


__all__ = ["BaseModel", "ConfigDict", "EmailStr", "Field", "ValidationError", "field_validator"]
