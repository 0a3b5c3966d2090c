# SPDX-License-Identifier: Apache-2.0
"""Results of SQL as JSON (docs/contracts/results.schema.json)."""

import base64
import math
from typing import Any

from genapps_runtime.state.connection import Result
from genapps_runtime.state.sql_functions import Value


def result_of(result: Result) -> dict[str, Any]:
    """The result of one statement, as the guest gets it."""
    rows: list[Any] = result.rows
    if any(isinstance(value, bytes | float) for row in rows for value in row):
        rows = [[_value(value) for value in row] for row in rows]
    return {"columns": result.columns, "rows": rows, "rowcount": result.rowcount, "lastrowid": result.lastrowid}


def _value(value: Value) -> Any:
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode("ascii")}
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    return value
