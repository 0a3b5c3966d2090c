# SPDX-License-Identifier: Apache-2.0
"""What SQL of an app may do: an allowlist of SQLite's actions and functions, and limits.

The text is a hostile program's. SQLite asks `refusal` about each thing that a statement would do when it prepares the
statement. What is not listed here is refused, also what later versions of SQLite may bring.
"""

import re
import sqlite3

INVALID, REFUSED, CONSTRAINT = "SqlInvalid", "SqlRefused", "SqlConstraint"
TOO_SLOW, TOO_LARGE = "SqlTooSlow", "SqlTooLarge"

RESERVED = "genapps_"
TEXT_CHARACTERS = 16 * 1024
VALUE_BYTES = 256 * 1024
"""Of a text, a blob or a row, as of a value of state. It bounds what one step of a statement can take."""
SCHEMA_ENTRIES, SCHEMA_BYTES = 200, 64 * 1024
"""Tables and indexes of a file, and the bytes of their definitions. Each connection keeps all of it in its memory: with
more of it none could be opened, and nobody could drop a table any more."""
RESULT_BYTES = 1024 * 1024
RESULT_ROWS = 10_000
PARAMETERS = 1000
STATEMENT_SECONDS = 0.02
"""Time of the processor for the statements of one turn: nobody else is served meanwhile."""
SHORT_SECONDS = 0.08
"""What statements of a turn may take beyond that which are too short to be ended: then none begins any more."""
HEAP_BYTES = 24 * 1024 * 1024
"""What SQLite may take in this process, for all connections."""

LIMITS = {
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 4 * TEXT_CHARACTERS + 100,
    sqlite3.SQLITE_LIMIT_COLUMN: 100,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 100,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 50,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 25_000,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 32,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 50,
    sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: PARAMETERS,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 1,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}

_FUNCTIONS = frozenset(
    [
        "->",
        "->>",
        "abs",
        "acos",
        "acosh",
        "asin",
        "asinh",
        "atan",
        "atan2",
        "atanh",
        "avg",
        "ceil",
        "ceiling",
        "changes",
        "char",
        "coalesce",
        "concat",
        "concat_ws",
        "cos",
        "cosh",
        "count",
        "cume_dist",
        "current_date",
        "current_time",
        "current_timestamp",
        "date",
        "datetime",
        "degrees",
        "dense_rank",
        "exp",
        "first_value",
        "floor",
        "format",
        "glob",
        "group_concat",
        "hex",
        "if",
        "ifnull",
        "iif",
        "instr",
        "json",
        "json_array",
        "json_array_length",
        "json_each",
        "json_extract",
        "json_group_array",
        "json_group_object",
        "json_insert",
        "json_object",
        "json_pretty",
        "json_quote",
        "json_remove",
        "json_replace",
        "json_set",
        "json_tree",
        "json_type",
        "json_valid",
        "julianday",
        "lag",
        "last_insert_rowid",
        "last_value",
        "lead",
        "length",
        "like",
        "likelihood",
        "likely",
        "ln",
        "log",
        "log10",
        "log2",
        "lower",
        "ltrim",
        "max",
        "min",
        "mod",
        "nth_value",
        "ntile",
        "nullif",
        "octet_length",
        "percent_rank",
        "pi",
        "pow",
        "power",
        "printf",
        "quote",
        "radians",
        "random",
        "randomblob",
        "rank",
        "replace",
        "round",
        "row_number",
        "rtrim",
        "sign",
        "sin",
        "sinh",
        "soundex",
        "sqlite_version",
        "sqrt",
        "strftime",
        "string_agg",
        "substr",
        "substring",
        "sum",
        "tan",
        "tanh",
        "time",
        "timediff",
        "total",
        "total_changes",
        "trim",
        "trunc",
        "typeof",
        "unhex",
        "unicode",
        "unixepoch",
        "unlikely",
        "upper",
        "zeroblob",
    ]
)
# Used by SQLite itself while it alters a table; an app's own call of them fails as of an unknown function.
_ALTERING = frozenset({"sqlite_rename_column", "sqlite_rename_quotefix", "sqlite_rename_table", "sqlite_rename_test"})
_ALTERING |= {"sqlite_drop_column", "sqlite_drop_constraint", "sqlite_find_constraint", "sqlite_add_constraint"}
_SCHEMA = frozenset({"sqlite_master", "sqlite_schema", "sqlite_sequence"})
"""Tables of SQLite that apps may name: it refuses to change all but the last."""
_TEMPORARY_SCHEMA = "sqlite_temp_master"
_TABLE_VALUED = frozenset({"json_each", "json_tree"})
_TABLE_ACTIONS = frozenset(
    {
        sqlite3.SQLITE_READ, sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE,
        sqlite3.SQLITE_CREATE_TABLE, sqlite3.SQLITE_DROP_TABLE, sqlite3.SQLITE_CREATE_INDEX, sqlite3.SQLITE_DROP_INDEX,
        sqlite3.SQLITE_ALTER_TABLE, sqlite3.SQLITE_REINDEX,
    }
)  # fmt: skip
_INDEX_ACTIONS = frozenset({sqlite3.SQLITE_CREATE_INDEX, sqlite3.SQLITE_DROP_INDEX})
"""Their second argument is the table, of the others a column or nothing."""
_PRAGMAS = frozenset({"table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo"})
"""Those that only tell something of the tables. Without the name of one they tell of nothing, or of all."""
_FREE_ACTIONS = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE})
_SENTENCES = {
    sqlite3.SQLITE_TRANSACTION: "a request is one transaction: leave out BEGIN, COMMIT and ROLLBACK",
    sqlite3.SQLITE_SAVEPOINT: "a request is one transaction: leave out SAVEPOINT, RELEASE and ROLLBACK TO",
    sqlite3.SQLITE_PRAGMA: f"of PRAGMA only {', '.join(sorted(_PRAGMAS))} are available",
    sqlite3.SQLITE_ATTACH: "an app has one database: ATTACH is not available",
    sqlite3.SQLITE_DETACH: "an app has one database: DETACH is not available",
    sqlite3.SQLITE_CREATE_VTABLE: "virtual tables (FTS5, R*Tree) are not available",
    sqlite3.SQLITE_DROP_VTABLE: "virtual tables (FTS5, R*Tree) are not available",
    sqlite3.SQLITE_CREATE_VIEW: "views are not available: write the query where it is used",
    sqlite3.SQLITE_CREATE_TRIGGER: "triggers are not available: write the statements one after the other",
    sqlite3.SQLITE_ANALYZE: "ANALYZE and its tables are not available",
}
_TEMPORARY = "temporary tables, indexes, views and triggers are not available"


def refusal(code: int, first: str | None, second: str | None, database: str | None, modules: frozenset[str]) -> str:
    """Why a statement may not do this: a sentence, or nothing when it may. The arguments are the authorizer's.

    `modules` are the virtual tables that this SQLite has without anybody creating them.
    """
    if code in _FREE_ACTIONS:
        return ""
    if code == sqlite3.SQLITE_PRAGMA and (first or "").lower() in _PRAGMAS:
        return _refused_name(second, modules)
    if code == sqlite3.SQLITE_FUNCTION:
        name = (second or "").lower()
        return "" if name in _FUNCTIONS or name in _ALTERING else f"the function {name} is not available"
    if code not in _TABLE_ACTIONS:
        return _SENTENCES.get(code, _TEMPORARY)
    if code == sqlite3.SQLITE_ALTER_TABLE:
        return _refused_name(second, modules) if first == "main" else _TEMPORARY
    if database == "temp" and first != _TEMPORARY_SCHEMA:
        return _TEMPORARY
    if code == sqlite3.SQLITE_CREATE_TABLE and (first or "").lower() in _TABLE_VALUED:
        return _own_name(first)
    names = (first, second) if code in _INDEX_ACTIONS else (first,)
    return next((found for name in names if (found := _refused_name(name, modules))), "")


def refused_words(text: str, modules: frozenset[str]) -> str:
    """Why a statement that alters a table may not have this text: what is its new name is not asked about.

    A table with the name of one of SQLite's virtual tables hides that one, also from the runtime.
    """
    words = re.findall(r"\w+", text.lower())
    return next((_own_name(word) for word in words if word in modules or word.startswith("pragma_")), "")


def _own_name(name: str | None) -> str:
    return f"the name {name} is SQLite's own"


def _refused_name(name: str | None, modules: frozenset[str]) -> str:
    lowered = (name or "").lower()
    if lowered.startswith(RESERVED):
        return reserved()
    if lowered.startswith("sqlite_autoindex_") or lowered in _SCHEMA or lowered == _TEMPORARY_SCHEMA:
        return ""
    if lowered.startswith("pragma_"):
        return _SENTENCES[sqlite3.SQLITE_PRAGMA]
    if lowered.startswith("sqlite_stat"):
        return _SENTENCES[sqlite3.SQLITE_ANALYZE]  # which makes that table first
    if lowered.startswith("sqlite_") or (lowered in modules and lowered not in _TABLE_VALUED):
        return f"the table {lowered} is not available"
    return ""


def reserved() -> str:
    """The sentence about names that are the runtime's."""
    return f"names that begin with {RESERVED} are the runtime's own; keys are read with state.get"
