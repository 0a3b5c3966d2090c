# SPDX-License-Identifier: Apache-2.0
"""`logging` into the log of the action: level, message, the logger's name, the exception, and what `extra` holds."""

import logging
from typing import Any

from genapps.logs import Printed, record_of

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "_genapps"}
_FORMATTER = logging.Formatter()
_LEVELS = ((logging.ERROR, "error"), (logging.WARNING, "warning"), (logging.INFO, "info"))


class ActionHandler(logging.Handler):
    """The root logger's handler."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log it, once: a handler of the app's own that writes to standard error comes here too."""
        if hasattr(record, "_genapps"):
            return
        record._genapps = True  # noqa: SLF001  it is ours
        try:
            message = record.getMessage()
            fields = {name: value for name, value in vars(record).items() if name not in _OWN}
            level = next((name for least, name in _LEVELS if record.levelno >= least), "debug")
            trace = ""
            if record.exc_info and record.exc_info[0] is not None:
                trace = _FORMATTER.formatException(record.exc_info)
            record_of(level, message, {"logger": record.name, **fields}, trace)
        except Exception:
            self.handleError(record)


_HANDLER = ActionHandler()
_stream_emit = logging.StreamHandler.emit


def _emit(self: Any, record: logging.LogRecord) -> None:
    if isinstance(self.stream, Printed):
        _HANDLER.emit(record)
    else:
        _stream_emit(self, record)


def _basic_config(*, level: int | str | None = None, force: bool = False, **_: Any) -> None:
    """As `logging.basicConfig`, but only the level counts: where records go and how they look is the platform's."""
    if force:
        for handler in logging.root.handlers[:]:
            logging.root.removeHandler(handler)
    if _HANDLER not in logging.root.handlers:
        logging.root.addHandler(_HANDLER)
    if level is not None:
        logging.root.setLevel(level)


def install() -> None:
    """Let `logging` write into the action's log."""
    logging.StreamHandler.emit = _emit  # type: ignore[method-assign]
    logging.basicConfig = _basic_config  # type: ignore[assignment]
    logging.root.addHandler(_HANDLER)
