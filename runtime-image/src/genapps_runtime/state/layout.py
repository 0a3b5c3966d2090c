# SPDX-License-Identifier: Apache-2.0
"""What the runtime keeps in a facet's file beside the app's tables, and how an older file becomes a newer one.

`user_version` is the number of the layout. A runtime refuses a file with a higher one.
"""

from genapps_runtime.state import ages as ages_module
from genapps_runtime.state import marks as marks_module
from genapps_runtime.state.ages import FOREVER, Ages
from genapps_runtime.state.connection import Connection
from genapps_runtime.state.errors import StateUnavailableError
from genapps_runtime.state.marks import Marks
from genapps_runtime.state.open_transaction import PAGE_BYTES, Figures, schema_of
from genapps_runtime.state.tables import TableChanges

LAYOUT = 3
_KEYS = (
    "CREATE TABLE main.genapps_entries "
    "(key TEXT PRIMARY KEY, value TEXT NOT NULL, version INTEGER NOT NULL) WITHOUT ROWID"
)
_FIGURES = (
    "SELECT max(coalesce(max(version), 0), (SELECT coalesce(max(sequence), 0) FROM main.genapps_ages)), "
    "coalesce(sum(length(CAST(key AS BLOB)) + length(CAST(value AS BLOB))), 0) FROM main.genapps_entries"
)


def prepare(connection: Connection, marks: Marks, ages: Ages = FOREVER) -> Figures:
    """Bring a new or an older file to this layout, in one transaction, and read its figures.

    Raises StateUnavailableError for a newer file, and sqlite3.Error.
    """
    bring_forward(connection)
    ages.prepare(connection)
    sequence, size = connection.execute(_FIGURES).fetchone()
    (tables,) = connection.execute("SELECT tables FROM main.genapps_facet").fetchone()
    size += tables * PAGE_BYTES
    return Figures(sequence, TableChanges(sequence), size, tables, schema_of(connection), marks.figures(connection))


def bring_forward(connection: Connection) -> None:
    """Layout 0 had the keys in a table `entries`, and no tables of apps; layout 1 had no marks, layout 2 no ages.

    A kill leaves the old file or the new one. Raises as `prepare`.
    """
    (layout,) = connection.execute("PRAGMA main.user_version").fetchone()
    if layout > LAYOUT:
        raise StateUnavailableError(f"the state was written by a newer runtime (layout {layout}, known is {LAYOUT})")
    if layout == LAYOUT:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in _STEPS[layout:]:
            step(connection)
        connection.execute(f"PRAGMA main.user_version={LAYOUT}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _begin_layout_1(connection: Connection) -> None:
    if connection.execute("SELECT 1 FROM main.sqlite_schema WHERE name = 'entries'").fetchone():
        connection.execute("ALTER TABLE main.entries RENAME TO genapps_entries")
    else:
        connection.execute(_KEYS)
    connection.execute("CREATE TABLE main.genapps_facet (tables INTEGER NOT NULL)")
    connection.execute("INSERT INTO main.genapps_facet VALUES (0)")


def _begin_layout_2(connection: Connection) -> None:
    connection.execute(marks_module.TABLE)


def _begin_layout_3(connection: Connection) -> None:
    connection.execute(ages_module.TABLE)


_STEPS = (_begin_layout_1, _begin_layout_2, _begin_layout_3)
"""Each from the layout before it, within the transaction."""
