# SPDX-License-Identifier: Apache-2.0
"""A guest's store: nothing enters it twice or after its end, and the host functions say what they should."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from genapps_runtime.guest import c_api
from genapps_runtime.guest.c_api import WasmtimeError
from genapps_runtime.guest.engine import Language
from genapps_runtime.guest.host_functions import RANDOM_BYTES, RECORD_BYTES, WORLD, HostFunction, host_functions
from genapps_runtime.guest.linker import Linker
from genapps_runtime.guest.store import GuestLog, ReentrantCallError, Store
from genapps_runtime.guest.string_call import ResultCall, StringCall
from genapps_runtime.guest.turns import Done, parse_turn
from tests.runtime.stock_engine import StockLanguage

MEMORY = 64 * 1024 * 1024
ROOM = RECORD_BYTES - len("\u20ac".encode())
SOURCE = """
import datetime, random, time, typing, uuid
from genapps import app

os = random._os
host = typing.sys.modules["genapps.logs"].host

@app.get("/log/{size}")
async def record(request, size):
    host.log("\\u20ac" + "x" * int(size))
    return "logged"

@app.get("/values")
async def values(request):
    try:
        open("/etc/passwd")
    except OSError as error:
        opened = type(error).__name__
    return {
        "environ": dict(os.environ), "open": opened, "random": len(os.urandom(4096)),
        "hexadecimal": len(host.random(4096)), "none": host.random(0), "uuids": uuid.uuid4() != uuid.uuid4(),
        "differ": os.urandom(16) != os.urandom(16),
    }

@app.get("/times")
async def times(request):
    return [time.time(), datetime.datetime.now(datetime.UTC).timestamp(), host.now_millis() / 1000, time.monotonic()]

@app.get("/random/{size}")
async def much(request, size):
    return len(host.random(int(size)))

@app.get("/urandom/{size}")
async def much_more(request, size):
    return len(os.urandom(int(size)))
"""
LOAD = json.dumps({"entry": "app.py", "files": {"app.py": SOURCE}, "logBytes": 1000})


def start(path: str) -> bytes:
    request = {"requestId": "r", "method": "GET", "path": path, "query": "", "headers": {}}
    return json.dumps({"action": 1, "request": request}).encode()


def answered(turn: bytes | str | None) -> Any:
    assert turn is not None
    done = parse_turn(turn.encode() if isinstance(turn, str) else turn)
    assert isinstance(done, Done)
    return json.loads(done.piece)


@pytest.fixture(scope="module")
def language(engine: Path) -> Language:
    return Language(str(engine))


@pytest.fixture
def store(language: Language) -> Iterator[Store]:
    store = language.instantiate(MEMORY, GuestLog())
    assert ResultCall(store, "load")(LOAD.encode())[0]
    yield store
    store.close()


def test_a_call_inside_a_call_is_refused_and_the_first_goes_on(store: Store) -> None:
    call, refused = StringCall(store, "start"), list[type[Exception]]()

    def again(_record: str) -> None:
        inner: list[Callable[[], Any]] = [lambda: call(start("/values")), lambda: StringCall(store, "resume")(b"{}")]
        for attempt in (*inner, store.close):
            with pytest.raises(ReentrantCallError) as caught:
                attempt()
            refused.append(caught.type)

    store.log.sink = again
    done = parse_turn(call(start("/log/1")) or b"")
    assert isinstance(done, Done)
    assert done.piece == b"logged"
    assert len(refused) == 3
    assert answered(call(start("/values")))["none"] == ""


def test_a_refused_call_that_a_host_function_lets_through_ends_the_guests_call(store: Store) -> None:
    call = StringCall(store, "start")

    def again(_record: str) -> None:
        call(b"{}")

    store.log.sink = again
    with pytest.raises(ReentrantCallError):
        call(start("/log/1"))


class StopError(BaseException):
    """Like what ends a process, and no Exception."""


def test_what_a_host_function_raises_comes_out_whatever_it_is(store: Store) -> None:
    def stop(_record: str) -> None:
        raise StopError

    store.log.sink = stop
    call = StringCall(store, "start")
    with pytest.raises(StopError):
        call(start("/log/1"))
    store.log.sink = GuestLog().sink
    with pytest.raises(WasmtimeError, match="cannot enter component instance"):
        call(start("/values"))


def test_a_closed_store_refuses_everything_and_is_closed_once(store: Store) -> None:
    call = StringCall(store, "start")
    store.close()
    store.close()
    attempts: list[Callable[[], Any]] = [
        lambda: call(start("/values")),
        lambda: StringCall(store, "start"),
        lambda: store.function("load"),
        lambda: store.set_deadline(time.monotonic() + 1),
        lambda: store.context,
    ]
    for attempt in attempts:
        with pytest.raises(ValueError, match="already closed"):
            attempt()


def test_a_function_of_another_type_is_an_error_and_the_store_lives(store: Store) -> None:
    with pytest.raises(WasmtimeError, match="not a string"):
        StringCall(store, "load")(LOAD.encode())
    with pytest.raises(WasmtimeError, match="not a result"):
        ResultCall(store, "start")(start("/values"))
    assert answered(StringCall(store, "start")(start("/values")))["random"] == RANDOM_BYTES


@pytest.mark.parametrize("name", ["", "Start", "startx", "genapps:app/host@0.1.0"])
def test_an_export_that_is_none_is_an_error(store: Store, name: str) -> None:
    with pytest.raises(WasmtimeError, match="has no export"):
        StringCall(store, name)


def test_an_instance_that_does_not_fit_is_an_error_and_its_store_is_closed(language: Language) -> None:
    with pytest.raises(WasmtimeError, match="memory"):
        language.instantiate(1024 * 1024, GuestLog())


def test_guests_get_the_same_values_as_from_the_stock_wrappers(store: Store, engine: Path) -> None:
    log = GuestLog()
    stock_store, export = StockLanguage(str(engine)).instantiate(MEMORY, log)
    assert export("load")(stock_store, LOAD).tag == "ok"
    stock = answered(export("start")(stock_store, start("/values").decode()))
    assert answered(StringCall(store, "start")(start("/values"))) == stock
    assert stock["environ"] == {}
    assert stock["open"] == "FileNotFoundError"
    stock_store.close()


def test_guests_see_the_hosts_clocks(store: Store) -> None:
    before, monotonic = time.time(), time.monotonic()
    wall, date, millis, ticking = answered(StringCall(store, "start")(start("/times")))
    after = time.time()
    for seen in (wall, date):
        assert before - 1e-6 <= seen <= after + 1e-6
    assert before - 0.001 <= millis <= after
    assert monotonic <= ticking <= time.monotonic()


def test_random_numbers_are_given_up_to_their_limit(store: Store) -> None:
    call = StringCall(store, "start")
    assert answered(call(start(f"/random/{RANDOM_BYTES}"))) == 2 * RANDOM_BYTES
    assert answered(call(start(f"/urandom/{2 * RANDOM_BYTES}"))) == 2 * RANDOM_BYTES
    with pytest.raises(WasmtimeError, match=f"at most {RANDOM_BYTES} random bytes"):
        call(start(f"/random/{RANDOM_BYTES + 1}"))


@pytest.mark.parametrize(
    ("size", "kept"), [(0, 1), (RECORD_BYTES - 3, RECORD_BYTES - 2), (RECORD_BYTES, RECORD_BYTES - 2)]
)
def test_a_record_is_cut_at_its_limit(store: Store, size: int, kept: int) -> None:
    records: list[str] = []
    store.log.sink = records.append
    StringCall(store, "start")(start(f"/log/{size}"))
    assert records == ["\u20ac" + "x" * (kept - 1)]


@pytest.mark.parametrize(
    ("what", "function"),
    [
        ("another parameter", HostFunction(lambda _store, _value: None, c_api.U32)),
        ("no parameter", HostFunction(lambda _store: None)),
        ("a result more", HostFunction(lambda _store, _value: 0, c_api.STRING, lambda _result, _value: None)),
    ],
)
def test_a_host_function_that_the_engine_declares_otherwise_traps(
    what: str, function: HostFunction, engine: Path
) -> None:
    linker = Linker(str(engine))
    functions = {name: dict(members) for name, members in host_functions().items()}
    functions[WORLD]["log"] = function
    for name, members in functions.items():
        linker.define(name, members)
    linker.trap_on_other_imports()
    store = Store(linker, MEMORY, GuestLog())
    ResultCall(store, "load")(LOAD.encode())
    with pytest.raises(WasmtimeError, match="declares a host function with other types"):
        StringCall(store, "start")(start("/log/1"))
    store.close()
