# SPDX-License-Identifier: Apache-2.0
"""A small model and the structural schema that it becomes."""

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import ConfigDict, Field

from genapps.api.crd import structural
from genapps.api.fields import DnsLabel, Duration, Money, Rule, Time, UserModel, defaulted, duration_within, rules

GOLDEN = Path(__file__).with_name("library.yaml")


class Shelf(UserModel):
    """A shelf."""

    model_config = ConfigDict(json_schema_extra=rules(("self.books <= 100", "books: at most 100 fit on a shelf")))

    books: Annotated[int, Field(ge=0)] = defaulted(10)
    """How many books."""
    room: DnsLabel
    """Where it stands."""


class Library(UserModel):
    """A library."""

    main: Annotated[Shelf, Rule("self.room == oldSelf.room", "main.room is immutable: build another shelf")]
    """The shelf at the door."""
    spare: Shelf | None = None
    """Another shelf."""
    by_topic: Annotated[dict[str, Shelf], Field(max_length=4)]
    """Shelves by topic."""
    kind: Literal["Public"] = "Public"
    """The only kind."""
    loan_time: Annotated[Duration, duration_within("1h", "24h")] | None = None
    """How long a book may be kept; this default stays in code."""
    fine: Money = "0.05"
    """What a day too long costs."""
    opened: Time | None = None
    """Since when."""
    readers: Annotated[
        tuple[DnsLabel, ...], Field(max_length=8, json_schema_extra={"x-kubernetes-list-type": "set"})
    ] = ()
    """Who reads."""


def test_a_model_becomes_the_structural_schema_beside_it() -> None:
    assert structural(Library) == yaml.safe_load(GOLDEN.read_text())
