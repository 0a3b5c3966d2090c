# SPDX-License-Identifier: Apache-2.0
"""JSON log lines of operator and gateway on stdout: one per event, nothing secret in them, whoever wrote the text."""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from typing import Any

import orjson
import structlog

from genapps.redaction.text import SECRET, is_plain, is_secret_name, shown

_LONGEST = 2000

QUIET = {"kopf": logging.WARNING, "aiohttp.access": logging.WARNING, "uvicorn": logging.ERROR}
"""Libraries that say what happens per event or per stranger's request; our own lines say what came of it."""


def redact(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The last processor before rendering: takes secrets and personal data out of texts, and cuts long ones."""
    for name, value in event.items():
        event[name] = SECRET if _is_secret_name(name) else _plain(value)
    return event


def configure(level: str) -> None:
    """Our own lines go straight to stdout (through the standard library they cost ten times as much); those of
    libraries pass the same processors. `level` is a name such as `info`."""
    shared: list[structlog.types.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
    ]
    # Our own clock's text is looked at by nobody: dates look like numbers, and cost as much as a sentence.
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    structlog.configure(
        processors=[*shared, redact, stamp, structlog.processors.JSONRenderer(serializer=orjson.dumps)],
        logger_factory=structlog.BytesLoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                redact,
                stamp,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name, quiet in QUIET.items():
        logging.getLogger(name).setLevel(quiet)


_NUMBERS = frozenset({int, float, bool, type(None)})
_is_secret_name = lru_cache(maxsize=1024)(is_secret_name)
_harmless: set[str] = set()
"""Texts in which nothing was found. Names with a digit in them are searched with all rules, and come with each line."""
_HARMLESS_CHARACTERS = 128
_MOST_HARMLESS = 4096


def _searched(text: str) -> str:
    found = shown(text, _LONGEST)
    if found == text and len(text) <= _HARMLESS_CHARACTERS and type(text) is str:
        if len(_harmless) >= _MOST_HARMLESS:
            _harmless.clear()
        _harmless.add(text)
    return found


def _plain(value: Any) -> Any:
    # In the order of how often they come: most values are names, ids, digests and numbers.
    kind = type(value)
    if kind is str and len(value) < _LONGEST and (is_plain(value) or value in _harmless):
        return value
    if kind in _NUMBERS:
        return value
    if isinstance(value, str):
        return _searched(value)
    if isinstance(value, Mapping):
        return {name: SECRET if _is_secret_name(str(name)) else _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
