# SPDX-License-Identifier: Apache-2.0
"""The engine of JSON Schema (jsonschema-rs), with what holds for every schema: nothing fetched, linear patterns."""

from typing import Any, NoReturn

import jsonschema_rs

_PATTERNS = jsonschema_rs.RegexOptions(size_limit=512 * 1024, dfa_size_limit=1024 * 1024)
"""The engine of Rust's `regex`, which never backtracks; bytes of a compiled pattern, and of its cache."""


def compiled(schema: dict[str, Any], **options: Any) -> jsonschema_rs.Draft202012Validator:
    """A schema, ready to check values.

    Raises ValueError where it is none (`jsonschema_rs.ValidationError` says where), and where the engine panics.
    """
    try:
        return jsonschema_rs.Draft202012Validator(
            schema, retriever=deny, pattern_options=_PATTERNS, validate_formats=False, **options
        )
    except BaseException as error:
        if is_panic(error):
            raise ValueError("the engine panicked") from error
        raise


def deny(uri: str) -> NoReturn:
    """The retriever of every validator: nothing is fetched. Raises LookupError."""
    raise LookupError(f"no schema is fetched, and so not {uri}")


def is_panic(error: BaseException) -> bool:
    """Whether the engine gave up; its exception has no class that could be imported."""
    return type(error).__name__ == "PanicException"
