# SPDX-License-Identifier: Apache-2.0
"""The exceptions of DB-API, and which of them an error of the host is."""

from genapps.calls import ToolError
from genapps.sql import SqlError


class Warning(Exception):  # noqa: A001, N818  the names are DB-API's
    """As DB-API says."""


class Error(Exception):
    """The base of all others."""


class InterfaceError(Error):
    """The module was used wrongly."""


class DatabaseError(Error):
    """Something about the database."""


class DataError(DatabaseError):
    """A value is too large."""


class OperationalError(DatabaseError):
    """A statement cannot run."""


class IntegrityError(DatabaseError):
    """A constraint does not hold."""


class InternalError(DatabaseError):
    """Never raised."""


class ProgrammingError(DatabaseError):
    """A connection or a statement was used wrongly."""


class NotSupportedError(DatabaseError):
    """It is not available to apps."""


_CLASSES: dict[str, type[Error]] = {
    "SqlConstraint": IntegrityError,
    "SqlTooLarge": DataError,
    "SqlRefused": NotSupportedError,
    "NoAction": ProgrammingError,
}
_USES = ("Incorrect number of bindings", "You did not supply", "Binding ", "You can only execute one", "Error binding")


def error_of(error: SqlError | ToolError) -> Error:
    """What Python's module raises in its place."""
    if error.detail.startswith(_USES):
        return ProgrammingError(error.detail)
    if error.detail == "datatype mismatch":
        return IntegrityError(error.detail)
    return _CLASSES.get(error.code, OperationalError)(error.detail)
