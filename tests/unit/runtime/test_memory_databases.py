# SPDX-License-Identifier: Apache-2.0
"""What a guest may ask of its databases in memory, and that it reaches nobody else's."""

import json

import pytest

from genapps_runtime.serve.memory_databases import MemoryDatabases
from genapps_runtime.state.memory_database import INSTANCE_DATABASES, PROCESS_DATABASES, PROCESS_PAGES

OPEN = b"mem\x000\x00open\x000"


def sql(number: int | bytes, text: str, point: int = 0, parameters: str = "[]") -> bytes:
    return b"mem\0%s\0%d\0%s\0%s" % (str(number).encode(), point, parameters.encode(), text.encode())


def detail(answer: bytes) -> str:
    assert answer[:1] == b"!", answer
    return str(json.loads(answer[1:])["detail"])


@pytest.fixture
def databases() -> MemoryDatabases:
    return MemoryDatabases(1)


def test_a_statement_is_answered_as_on_the_facet(databases: MemoryDatabases) -> None:
    assert databases.answer(OPEN) == b"=1"
    assert databases.answer(sql(1, "CREATE TABLE t (a)")) == b"=[[],[],0,null]"
    assert databases.answer(b"mem\x001\x00transaction\x000") == b"=false"
    assert databases.answer(sql(1, "INSERT INTO t VALUES (?), (?)", 1, '[1, {"base64": "/w=="}]')) == b"=[[],[],2,2]"
    assert databases.answer(b"mem\x001\x00transaction\x000") == b"=true"
    assert databases.answer(sql(1, "SELECT a FROM t")) == b'=[["a"],[[1],[{"base64":"/w=="}]],-1,null]'
    assert databases.answer(b"mem\x001\x00undo\x001") == b"-"
    assert databases.answer(sql(1, "SELECT a FROM t")) == b'=[["a"],[],-1,null]'


MALFORMED = [
    b"mem\0", b"mem\x001", b"mem\x001\0open", b"mem\x001\0drop\x001", b"mem\x001\0begin\x000", b"mem\x001\0begin\x0017",
    b"mem\x001\0begin\0-1", b"mem\x001\0begin\x001.0", b"mem\x001\x0017\0[]\0SELECT 1", b"mem\x001\0\0[]\0SELECT 1",
    b"mem\x001\x000\0{\0SELECT 1", b"mem\x001\x000\0[[1]]\0SELECT 1", b"mem\x001\x000\0[]\0\xff",
    b"mem\x001\x000\0" + b"[" * 100_000 + b"\0SELECT 1",
]  # fmt: skip


@pytest.mark.parametrize("call", MALFORMED)
def test_what_is_malformed_is_refused(databases: MemoryDatabases, call: bytes) -> None:
    databases.answer(OPEN)
    assert detail(databases.answer(call)) == "the call is malformed"
    assert databases.answer(sql(1, "SELECT 1"))[:1] == b"="


@pytest.mark.parametrize("number", [0, 2, -1, b"01", b"1 ", b"\xff", b"1" * 5000])
def test_a_forged_number_is_nobodys(databases: MemoryDatabases, number: int | bytes) -> None:
    other = MemoryDatabases(1)
    for _ in range(3):
        other.answer(OPEN)
    databases.answer(OPEN)
    raw = number if isinstance(number, bytes) else str(number).encode()
    for rest in (b"0\0[]\0SELECT 1", b"commit\x001", b"transaction\x000"):
        assert (
            detail(databases.answer(b"mem\0%s\0%s" % (raw, rest))) == "there is no database in memory with this number"
        )
    assert databases.answer(b"mem\0%s\0close\x000" % raw) == b"-"
    assert other.answer(sql(3, "SELECT 1"))[:1] == b"="


def test_an_instance_has_its_number_of_databases_and_no_more(databases: MemoryDatabases) -> None:
    for number in range(1, INSTANCE_DATABASES + 1):
        assert databases.answer(OPEN) == b"=%d" % number
    assert detail(databases.answer(OPEN)).startswith(f"an instance of the app may have {INSTANCE_DATABASES} databases")
    databases.answer(b"mem\x003\x00close\x000")
    assert databases.answer(OPEN) == b"=%d" % (INSTANCE_DATABASES + 1)
    assert detail(databases.answer(sql(3, "SELECT 1"))) == "there is no database in memory with this number"


def test_a_thousand_connections_one_after_the_other_leave_nothing(databases: MemoryDatabases) -> None:
    for number in range(1, 1001):
        assert databases.answer(OPEN) == b"=%d" % number
        databases.answer(sql(number, "CREATE TABLE t (a)"))
        assert databases.answer(b"mem\0%d\0close\x000" % number) == b"-"
    assert databases._pages.taken == 0


@pytest.mark.parametrize(("instances", "each"), [(1, 8), (4, 8), (5, 6), (32, 1), (100, 1)])
def test_instances_share_what_the_process_may_have(instances: int, each: int) -> None:
    made = MemoryDatabases(instances)
    assert made._most == each
    assert made._most * instances <= max(PROCESS_DATABASES, instances)
    assert 0 < made._pages.most * instances <= PROCESS_PAGES


def test_all_are_closed_with_their_instance(databases: MemoryDatabases) -> None:
    for number in range(1, 4):
        databases.answer(OPEN)
        databases.answer(sql(number, "CREATE TABLE t (a)"))
    assert databases._pages.taken > 0
    databases.close()
    assert databases._pages.taken == 0
    assert detail(databases.answer(sql(1, "SELECT 1"))) == "there is no database in memory with this number"
