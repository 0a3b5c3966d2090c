# SPDX-License-Identifier: Apache-2.0
"""The peers' packages: locked, and in no image."""

import re
import sys
from pathlib import Path

import pytest

from bench.figures import NotMeasuredError
from bench.interpreter import Interpreter
from bench.packages import LITELLM_LOCK, PEERS_LOCK, RUNTIME_LOCK, installed, versions
from bench.peer.python_peers import MODULES

ROOT = Path(__file__).parents[3]
HERE = Interpreter((sys.executable,), "this", "CPython", "3.11.0", "PGO and LTO", "")


def test_the_peers_lock_pins_by_hash_names_no_host_and_has_every_peer() -> None:
    text = PEERS_LOCK.read_text()
    pinned = versions(PEERS_LOCK)
    assert {*map(str.lower, MODULES), "uvicorn", "uvloop", "httptools"} <= set(pinned)
    assert len(re.findall(r"==.*\\\n    --hash=sha256:", text)) == len(pinned)
    assert "://" not in text


def test_litellm_is_pinned_by_hash_and_without_what_has_another_licence() -> None:
    text = LITELLM_LOCK.read_text()
    pinned = versions(LITELLM_LOCK)
    assert "litellm" in pinned
    assert "litellm-enterprise" not in pinned
    assert len(re.findall(r"==.*\\\n    --hash=sha256:", text)) == len(re.findall("^[a-z]", text, re.MULTILINE))
    assert "://" not in text


def test_no_image_has_the_peers() -> None:
    for dockerfile in ("operator/Dockerfile", "runtime-image/Dockerfile"):
        for lock in (PEERS_LOCK, LITELLM_LOCK):
            assert lock.name not in (ROOT / dockerfile).read_text()
    for name in ("genapps", "runtime", "dev"):
        peers = {"fastapi", "starlette", "litellm"} if name != "dev" else {"litellm"}
        assert not peers & set(versions(ROOT / "locks" / f"{name}.txt"))


def test_a_peer_for_each_module_is_there() -> None:
    assert [name for name in MODULES.values() if not (ROOT / "bench" / "peer" / f"{name}.py").exists()] == []


async def test_a_failed_installation_is_a_reason_and_leaves_nothing(tmp_path: Path) -> None:
    lock = tmp_path / "broken.txt"
    lock.write_text("no-hash==1\n")
    with pytest.raises(NotMeasuredError, match="uv failed"):
        await installed(tmp_path, HERE, lock)
    assert list((tmp_path / "bench").iterdir()) == []


def test_the_runtimes_lock_is_the_images() -> None:
    assert f"COPY locks/{RUNTIME_LOCK.name} " in (ROOT / "runtime-image" / "Dockerfile").read_text()
