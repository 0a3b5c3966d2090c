# SPDX-License-Identifier: Apache-2.0
"""A fresh instance shows an app nothing of the rehearsal in the engine's build, and its memory is well laid out."""

import json
import re
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from genapps_runtime.guest.engine import Language
from genapps_runtime.guest.instance import Guest
from genapps_runtime.guest.messages import resume_message, start_message
from genapps_runtime.guest.turns import Done, Emit, parse_turn
from genapps_runtime.heartbeat import Heartbeat
from tools import engines

# All that an app reaches in its interpreter: every module's names, what they hold, how much tables and caches hold.
PROBE = """
import random
import typing
from genapps import app

sys = typing.sys


def shown(value):
    if isinstance(value, (str, int, float, bytes, type(None))):
        text = repr(value)  # long ones by their length: some hold the items of a set, in the order of one build
        return text if len(text) < 60 else f"{len(text)} characters"
    kind = type(value).__name__
    if isinstance(value, type):
        return f"{kind} {sorted(vars(value))}"
    if hasattr(type(value), "cache_info"):
        return str(value.cache_info())
    if hasattr(type(value), "__len__"):
        return f"{kind} of {len(value)}"
    return f"{kind} {sorted(vars(value))}" if hasattr(value, "__dict__") else kind


modules = {name: {key: shown(value) for key, value in vars(module).items()} for name, module in sys.modules.items()}
engine = sys.modules["engine"]
state = {
    "routes": app.routes(),
    "found": [len(app._exact), len(app._patterns)],
    "lines": sorted(sys.modules["linecache"].cache),
    "patterns": [sorted(map(repr, cache)) for cache in (sys.modules["re"]._cache, sys.modules["re"]._cache2)],
    "running": [len(engine._INSTANCE.running), engine._INSTANCE.log_limit],
    "action": [engine.current.action.id, engine.current.action.calls, engine.current.action.writes],
    "finders": [len(sys.path), [getattr(finder, "__name__", type(finder).__name__) for finder in sys.meta_path]],
    "streams": [type(sys.stdout).__name__, type(sys.stderr).__name__, type(sys.__stdout__).__name__],
    "filters": list(map(repr, sys.modules["warnings"].filters)),
    "limits": [sys.getrecursionlimit(), sys.getswitchinterval(), sys.gettrace(), sys.getprofile()],
    "hooks": [sys.excepthook.__name__, sys.unraisablehook.__name__, sys.breakpointhook.__name__],
    "environment": dict(random._os.environ),
    "abstract": [len(kind.__subclasses__()) for kind in (object, dict, Exception, BaseException)],
}


@app.get("/state")
def everything(request):
    return {"modules": modules, "state": state}


@app.get("/random")
def chance(request):
    return [random.random() for _ in range(3)]


class Node:
    pass


@app.get("/circles")
def circles(request):
    for _ in range(10_000):
        node = Node()
        node.itself = node
"""

FILLED = {("urllib.parse", "_hextobyte"), ("logging", "_startTime")}
"""Tables that the standard library fills at their first use, always with the same; and a time of the engine's build."""


def _guest(language: Language) -> Guest:
    guest = Guest(language, Heartbeat(), 64 * 1024 * 1024)
    guest.load(json.dumps({"entry": "app.py", "files": {"app.py": PROBE}, "logBytes": 1000}), 60)
    return guest


def _get(guest: Guest, path: str) -> Any:
    turn = parse_turn(_call(guest.start, start_message(1, "r", "GET", path, "", [], b"")))
    body = b""
    while isinstance(turn, Emit):
        body += turn.piece
        turn = parse_turn(_call(guest.resume, resume_message(1, {})))
    assert isinstance(turn, Done), turn
    return json.loads(body + turn.piece)


def _call(function: Any, message: bytes) -> bytes:
    turn: bytes = function(message, time.monotonic() + 60, lambda _record: None)
    return turn


@pytest.fixture(scope="module")
def language(engine: Path) -> Language:
    return Language(str(engine))


@pytest.fixture(scope="module")
def unrehearsed(tmp_path_factory: pytest.TempPathFactory) -> Language:
    """The engine without the rehearsal: built once (25 s), then taken from the cache."""
    sources = tmp_path_factory.mktemp("engine") / "python"
    shutil.copytree(engines.SOURCES["python"], sources, ignore=shutil.ignore_patterns("__pycache__"))
    text = (sources / "engine.py").read_text()
    assert text.count("\nrehearse(WitWorld())\n") == 1
    (sources / "engine.py").write_text(text.replace("\nrehearse(WitWorld())\n", "\n"))
    return Language(str(engines.precompiled(sources=sources)))


def test_an_app_sees_the_same_interpreter_with_and_without_the_rehearsal(
    language: Language, unrehearsed: Language
) -> None:
    seen = []
    for engine in (language, unrehearsed):
        guest = _guest(engine)
        seen.append(_get(guest, "/state"))
        guest.drop()
    with_it, without = seen
    for each in seen:
        # `email` makes character classes from sets: their order is that of the build's hash seed.
        each["state"]["patterns"] = [
            sorted("".join(sorted(one)) for one in cache) for cache in each["state"]["patterns"]
        ]
    assert with_it["state"] == without["state"]
    assert sorted(with_it["modules"]) == sorted(without["modules"])
    for name, names in without["modules"].items():
        found = with_it["modules"][name]
        assert sorted(found) == sorted(names), name
        differing = {(name, key) for key in names if found[key] != names[key]}
        assert differing <= FILLED, [(found[key], names[key]) for _, key in differing]
    assert with_it["state"]["routes"] == []  # the probe looks before it registers its own


def test_instances_have_random_numbers_of_their_own(language: Language) -> None:
    numbers = []
    for _ in range(3):
        guest = _guest(language)
        numbers += _get(guest, "/random")
        guest.drop()
    assert len(set(numbers)) == 9


def test_collecting_an_apps_garbage_does_not_copy_the_engine(language: Language) -> None:
    guest = _guest(language)
    _get(guest, "/random")
    before = _private_kib()
    for _ in range(10):
        _get(guest, "/circles")
    assert _private_kib() - before < 2 * 1024  # the engine's own objects take 11 MiB
    guest.drop()


def _private_kib() -> int:
    found = re.search(r"Private_Dirty:\s+(\d+)", Path("/proc/self/smaps_rollup").read_text())
    assert found is not None
    return int(found[1])
