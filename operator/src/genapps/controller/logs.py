"""JSON log lines on stdout: one per event, nothing secret in them, nothing multi-line from a stranger."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

_SECRET_NAMES = re.compile(r"token|secret|password|authorization|credential|private", re.IGNORECASE)
_SECRET_TEXT = re.compile(r"(?i)bearer\s+\S+|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*|-----BEGIN[^-]*PRIVATE KEY-----")
_LONGEST = 2000


def redact(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The last processor before rendering: drops values of secret names, tokens inside texts, and lengths."""
    for name, value in event.items():
        event[name] = "[redacted]" if _SECRET_NAMES.search(name) else _plain(value)
    return event


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return _SECRET_TEXT.sub("[redacted]", value)[:_LONGEST]
    if isinstance(value, Mapping):
        return {k: "[redacted]" if _SECRET_NAMES.search(str(k)) else _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def configure(level: str) -> None:
    """Route structlog and the standard library's loggers (kopf, aiohttp) through the same processors."""
    shared: list[structlog.types.Processor] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                redact,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # kopf says what it does per event at INFO; our own lines say what came of it.
    logging.getLogger("kopf").setLevel(logging.WARNING)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
