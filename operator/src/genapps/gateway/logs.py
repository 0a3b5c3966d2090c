"""JSON log lines on stdout, one per event; tokens and keys never reach them, whoever wrote the text."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import orjson
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
    """Our own lines go straight to stdout (one per decision: the way through the standard library costs ten times as
    much); those of libraries (uvicorn, aiohttp) pass the same processors."""
    shared: list[structlog.types.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    render: list[structlog.types.Processor] = [redact, structlog.processors.JSONRenderer(serializer=orjson.dumps)]
    structlog.configure(
        processors=[*shared, *render],
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
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # What strangers send to the port is counted, not told line by line.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
