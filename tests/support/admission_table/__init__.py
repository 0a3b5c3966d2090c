# SPDX-License-Identifier: Apache-2.0
"""What the chart's admission policies accept and refuse: the table, and the objects that it is about."""

from tests.support.admission_table import budget_records, grants, state, surroundings, verdicts, writers
from tests.support.admission_table.rows import Row

ROWS: tuple[Row, ...] = (
    *writers.ROWS,
    *budget_records.ROWS,
    *grants.ROWS,
    *verdicts.ROWS,
    *surroundings.ROWS,
    *state.ROWS,
)
