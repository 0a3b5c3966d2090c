# SPDX-License-Identifier: Apache-2.0
"""Models and values that the layer `pydantic` of the engine judges as the package does: source for both."""

from typing import Any

SOURCE = """
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, ClassVar, Dict, List, Literal, Optional, Set, Union
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator


class Kind(str, Enum):
    small = "s"
    large = "l"


class Level(Enum):
    one = 1
    two = 2


class Line(BaseModel):
    text: str = Field(min_length=1, max_length=4)
    count: int = 1


class Order(BaseModel):
    name: str
    lines: List[Line] = []
    kind: Kind = Kind.small
    parent: Optional["Order"] = None


class Numbers(BaseModel):
    whole: int = Field(0, ge=0, lt=10)
    real: float = Field(default=1.5, gt=0, le=2)
    flag: bool = False
    exact: Decimal = Decimal("1.5")


class Times(BaseModel):
    day: date | None = None
    moment: Optional[datetime] = None
    clock: time | None = None
    id: UUID | None = None


class Choices(BaseModel):
    literal: Literal["a", "b", 3] = "a"
    level: Level = Level.one
    either: Union[int, str] = 0
    maybe: int | None = 5
    anything: Any = None


class Held(BaseModel):
    names: set[str] = set()
    counts: Dict[str, int] = {}
    grid: list[list[int]] = Field(default_factory=list, max_length=2)
    many: Annotated[list[int], Field(min_length=1)] = [1]


class Named(BaseModel):
    own: str = Field(alias="ownName", pattern="^[a-z]+$")
    other: Annotated[str, Field(alias="otherName")] = "x"


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")
    a: int


class Open(BaseModel):
    model_config = {"extra": "allow"}
    limit: ClassVar[int] = 5
    a: int = 1


class Every(BaseModel):
    a: str = ""
    b: str = ""

    @field_validator("*")
    @classmethod
    def short(cls, value):
        if len(value) > 3:
            raise ValueError("too long")
        return value


class Patterns(BaseModel):
    price: str = Field("$5", pattern=r"^\\$[0-9]+$")
    unit: str = Field("$", pattern="^[]$]$")
    lines: str = Field("a", pattern="(?m)^a$")


class Checked(BaseModel):
    name: str
    even: int = 0

    @field_validator("name", mode="before")
    @classmethod
    def stripped(cls, value):
        return value.strip() if isinstance(value, str) else value

    @field_validator("name", "even")
    @classmethod
    def fits(cls, value):
        if value == "bad":
            raise ValueError("not this one")
        assert value != 3, "three"
        return value.upper() if isinstance(value, str) else value


class Child(Numbers):
    more: str = "m"
    whole: int = 7


MODELS = {name: one for name, one in globals().items() if isinstance(one, type) and issubclass(one, BaseModel)}


OPTIONS = {}


def judged(name, value):
    try:
        made = MODELS[name].model_validate(value, **OPTIONS)
    except ValidationError as error:
        found = [{part: one[part] for part in ("type", "loc", "msg")} for one in error.errors()]
        return [{**one, "loc": list(one["loc"])} for one in found]
    dumps = [made.model_dump(mode="json"), made.model_dump(mode="json", exclude_none=True, exclude_unset=True)]
    return [{name: sorted(one) if name == "names" else one for name, one in dump.items()} for dump in dumps]
"""

CASES: list[tuple[str, Any]] = [
    ("Line", {"text": "ab"}), ("Line", {"text": ""}), ("Line", {"text": "abcde", "count": "x"}), ("Line", {}),
    ("Line", {"text": 5, "count": 1.5}), ("Line", {"text": None, "count": None}), ("Line", {"text": "a", "more": 1}),
    ("Line", {"text": "a", "count": 2.0}), ("Line", {"text": "a", "count": " 7 "}),
    ("Line", {"text": "a", "count": []}),
    ("Line", {"text": "a", "count": "1.0"}), ("Line", {"text": "a", "count": True}), ("Line", {"text": ["a"]}),
    ("Order", {"name": "n", "lines": [{"text": "a"}, {"text": "b", "count": 3}], "kind": "l"}),
    ("Order", {"name": "n", "lines": [{"text": ""}, 5, {"text": "a", "count": "z"}], "kind": "x"}),
    ("Order", {"name": "n", "parent": {"name": "m", "parent": {"lines": 5}}}), ("Order", {"name": "n", "parent": None}),
    ("Order", {"name": "n", "lines": {"text": "a"}}), ("Order", {"name": "n", "parent": "m"}),
    ("Numbers", {}), ("Numbers", {"whole": -1, "real": 0}), ("Numbers", {"whole": 10, "real": 2.5}),
    ("Numbers", {"real": "1.25", "flag": "yes", "exact": "3.10"}), ("Numbers", {"real": "x", "flag": "maybe"}),
    ("Numbers", {"flag": 1, "exact": 2}), ("Numbers", {"flag": 2}), ("Numbers", {"flag": None, "real": None}),
    ("Numbers", {"flag": "OFF"}), ("Numbers", {"real": True}), ("Numbers", {"flag": 0.0}), ("Numbers", {"flag": [1]}),
    ("Times", {"day": "2024-02-29", "moment": "2024-01-02T03:04:05", "clock": "10:11:12"}),
    ("Times", {"id": "00000000-0000-0000-0000-000000000001"}), ("Times", {"moment": "2024-01-02T03:04:05+02:00"}),
    ("Choices", {"literal": 3, "level": 2, "either": "x", "maybe": None, "anything": {"a": [1]}}),
    ("Choices", {"literal": "c", "level": 5}), ("Choices", {"either": []}), ("Choices", {"maybe": "y"}),
    ("Choices", {"either": "5"}), ("Choices", {"either": 7, "maybe": "6"}), ("Choices", {"literal": "3"}),
    ("Held", {"names": ["b", "a", "b"], "counts": {"x": "1"}, "grid": [[1], ["2"]], "many": [5]}),
    ("Held", {"names": "ab", "counts": [], "grid": [[1], ["q"]], "many": []}), ("Held", {"counts": {"a": "b", "c": 1}}),
    ("Held", {"grid": [[1], [2], [3]]}), ("Held", {}),
    ("Named", {"ownName": "abc", "otherName": "d"}), ("Named", {"own": "abc"}), ("Named", {"ownName": "ABC"}),
    ("Strict", {"a": 1}), ("Strict", {"a": 1, "b": 2, "c": 3}), ("Open", {"a": 2, "b": [1]}),
    ("Open", {"limit": 100, "model_dump": 1, "model_fields": 2}), ("Numbers", {"exact": "NaN"}),
    ("Numbers", {"exact": "-Infinity"}), ("Named", {"ownName": "abc\n"}), ("Every", {"a": "abc", "b": "abcd"}),
    ("Patterns", {"price": "$12", "unit": "]", "lines": "b\na\nc"}), ("Patterns", {"price": "$12\n"}),
    ("Patterns", {"unit": "$\n", "lines": "b"}),
    ("Checked", {"name": " x "}), ("Checked", {"name": "bad", "even": 3}), ("Checked", {"name": 5}),
    ("Child", {"whole": 100, "real": 5}), ("Child", {}),
]  # fmt: skip
