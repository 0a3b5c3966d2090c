# SPDX-License-Identifier: Apache-2.0
"""One schema of a contract, compiled. It says yes, no with a reason, or that the check itself failed to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

import jsonschema_rs
import orjson

from genapps.api.digests import canonical
from genapps.core.contracts.engine import compiled, is_panic
from genapps.core.contracts.pointers import ContractFault
from genapps.gateway.contracts.wording import fault_of

T = TypeVar("T")

_NO_VERDICTS = frozenset({"BacktrackLimitExceeded", "Referencing", "RegexEngineFailure"})
"""Kinds of errors that say something about the check, and nothing about the value."""


class CheckFailedError(Exception):
    """The check did not run to its end: neither yes nor no. Whoever asks refuses, and blames nobody's value."""


class SchemaChecker:
    """A compiled schema. It was looked at by `contract_faults`, so a check takes a bounded number of steps."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        """Raises CheckFailedError where the schema cannot be compiled."""
        self._schema = dict(schema)
        self._validator = _guarded(lambda: compiled(self._schema))
        self._telling: jsonschema_rs.Draft202012Validator | None = None

    def fault(self, value: object) -> ContractFault | None:
        """Why the value does not fit, or None. Raises CheckFailedError."""
        if _guarded(lambda: self._validator.is_valid(value)):
            return None
        return _guarded(lambda: self._told(value))

    def _told(self, value: object) -> ContractFault:
        """The reason, from a second validator: the errors of `anyOf` and `oneOf` grow with the product of their forms
        and the value, so here these say only that no form fits."""
        if self._telling is None:
            keywords = {keyword: _form_keyword(keyword, self._schema) for keyword in ("anyOf", "oneOf")}
            self._telling = compiled(self._schema, keywords=keywords, mask="the value")
        try:
            self._telling.validate(value)
        except jsonschema_rs.ValidationError as error:
            if type(error.kind).__name__ in _NO_VERDICTS:
                raise CheckFailedError("the check of a contract failed within the engine") from error
            return fault_of(error)
        raise CheckFailedError("a value was refused, and no reason was found")


@lru_cache(maxsize=1024)
def _compiled(schema: bytes) -> SchemaChecker:
    return SchemaChecker(orjson.loads(schema))


def checker(schema: Mapping[str, Any]) -> SchemaChecker:
    """The compiled schema; equal ones are compiled once, for apps share contracts. Raises CheckFailedError."""
    return _compiled(canonical(schema))


def _form_keyword(keyword: str, root: Mapping[str, Any]) -> type:
    """The keyword as a check of its own, without the errors of its forms."""
    definitions = root.get("$defs", {})

    class Forms:
        def __init__(self, parent_schema: dict[str, Any], value: Any, schema_path: list[str | int]) -> None:
            self._forms = compiled({keyword: value, "$defs": definitions})
            self._count = len(value)

        def validate(self, instance: object) -> None:
            if not self._forms.is_valid(instance):
                some = "one" if keyword == "anyOf" else "exactly one"
                raise ValueError(f"must fit {some} of {self._count} forms")

    return Forms


def _guarded(check: Callable[[], T]) -> T:
    """What the engine answers. Raises CheckFailedError for everything that is no answer, also a panic of the engine."""
    try:
        return check()
    except CheckFailedError:
        raise
    except Exception as error:
        raise CheckFailedError(f"the check of a contract failed: {type(error).__name__}") from error
    except BaseException as error:
        if is_panic(error):
            raise CheckFailedError("the check of a contract failed: the engine panicked") from error
        raise
