# SPDX-License-Identifier: Apache-2.0
"""Listings of the state: what follows a key, from the file and with the writes of earlier actions."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genapps_runtime.state.connection import Connection
from genapps_runtime.state.errors import StateFullError
from genapps_runtime.state.tables import TableChanges
from genapps_runtime.state.view import LIST_BYTES, LISTINGS, Overlaid, Snapshot, View, listing

KEYS = ["a", "a\0", "a\0b", "a/1", "a/2", "b", "ä", "\U0001f600", "\ufffd"]
STORED = st.dictionaries(st.sampled_from(KEYS), st.just("1"))


@contextmanager
def _stored(entries: dict[str, str]) -> Iterator[View]:
    with closing(Connection(":memory:")) as connection:
        yield _view(connection, entries)


def _view(connection: Connection, entries: dict[str, str]) -> View:
    connection.execute("CREATE TABLE genapps_entries (key TEXT PRIMARY KEY, value TEXT, version INTEGER) WITHOUT ROWID")
    connection.executemany("INSERT INTO genapps_entries VALUES (?, ?, 1)", entries.items())
    return View(lambda: Snapshot(connection, 1, TableChanges(0), lambda _connection: None))


@given(
    STORED,
    st.dictionaries(st.sampled_from(KEYS), st.just("2") | st.none()),
    st.sampled_from(["", "a", "a/", "a\0", "z"]),
    st.sampled_from(["", *KEYS, "zz"]),
    st.integers(0, 4),
)
def test_a_listing_has_the_first_keys_of_a_prefix_that_follow_a_key(
    entries: dict[str, str], writes: dict[str, str | None], prefix: str, after: str, limit: int
) -> None:
    def model(stored: dict[str, str | None]) -> dict[str, str]:
        kept = [(key, text) for key, text in stored.items() if text and key.startswith(prefix) and key > after]
        return dict(sorted(kept)[:limit])

    with _stored(entries) as view, _stored(entries) as other:
        found = view.list(prefix, limit, after)
        assert list(found.items()) == list(model({**entries}).items())
        assert list(Overlaid(other, writes).list(prefix, limit, after).items()) == list(
            model({**entries, **writes}).items()
        )
        assert view.reads is not None
        ((asked, seen),) = view.reads.lists.items()
        connection = view._begin()[0]
        assert listing(connection, *asked) == seen == hash(tuple((key, 1) for key in found))


def test_a_listing_ends_at_its_bytes() -> None:
    with _stored({"a": "x" * LIST_BYTES, "b": "x"}) as view:
        assert list(view.list("", 1)) == ["a"]
        assert list(view.list("", 5, "a")) == ["b"]
        with pytest.raises(StateFullError):
            view.list("", 2)


def test_what_is_kept_of_listings_is_bounded() -> None:
    with _stored({"a": "1"}) as view:
        for limit in range(LISTINGS):
            view.list("", limit)
        assert view.list("", 7) == {"a": "1"}  # one of them again
        with pytest.raises(StateFullError, match="at most 1000 different listings"):
            view.list("a", 7)
