"""JSON log lines on stdout, one per event; tokens and keys never reach them, whoever wrote the text."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_SECRET = re.compile(r"(?i)bearer\s+\S+|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*|-----BEGIN[^-]*PRIVATE KEY-----")
_LONGEST = 2000


def redact(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The last processor before rendering."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = _SECRET.sub("[redacted]", value)[:_LONGEST]
    return event


def configure(level: str) -> None:
    """Route structlog and the standard library's loggers (uvicorn, aiohttp) through the same processors."""
    shared: list[structlog.types.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    render: list[structlog.types.Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        redact,
        structlog.processors.JSONRenderer(),
    ]
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=render))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # What strangers send to the port is counted, not told line by line.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
