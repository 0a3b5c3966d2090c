# SPDX-License-Identifier: Apache-2.0
"""A claim that is full or read-only: each write is refused with what it means, deletes work, and a start says what to
do. `full_claim` is the program that tries it out on a small disk of its own.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
UNSHARED = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]
FULL = "the claim is full: choose a tier with a larger claim"
READ_ONLY = "the claim is read-only: the platform has to look at its volume"
NO_COPY = "choose a tier with a larger claim, or set spec.rollback.state: Keep"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What became of each attempt; empty where it succeeded."""
    if subprocess.run([*UNSHARED, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount in a namespace of their own")
    folders = [str(tmp_path_factory.mktemp(name)) for name in ("claim", "read-only")]
    command = [*UNSHARED, sys.executable, "-m", "tests.runtime.full_claim", *folders]
    ran = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    outcomes: dict[str, Any] = json.loads(ran.stdout)
    return outcomes


def test_nothing_is_left_of_the_disk(found: dict[str, Any]) -> None:
    assert found["free"] == 0


@pytest.mark.parametrize(
    "attempt",
    [
        "a delete", "many deletes", "a delete of a request with a key", "a delete by SQL", "a delete after that",
        "a put where something was deleted", "a delete when there is room again",
    ],
)  # fmt: skip
def test_what_makes_room_and_what_fits_into_it_works_on_a_full_claim(found: dict[str, Any], attempt: str) -> None:
    assert found[attempt] == ""


@pytest.mark.parametrize(
    ("attempt", "refusal"),
    [
        ("a put on a full claim", "StateFullError"),
        ("the free pages are used up", "StateFullError"),
        ("an insert by SQL", "OperationalError: database or disk is full"),
        ("an intent of a tool call", "JournalFullError"),
        ("an entry of the background", "SQLITE_FULL"),
        ("marks of schedules", "OSError: [Errno 28] No space left on device"),
    ],
)
def test_what_needs_room_is_refused_on_a_full_claim(found: dict[str, Any], attempt: str, refusal: str) -> None:
    assert found[attempt] == refusal


def test_what_was_stored_is_still_there(found: dict[str, Any]) -> None:
    assert found["a key that nobody deleted"] == 100_002


@pytest.mark.parametrize(
    ("start", "what", "advice"),
    [
        ("a start on a full claim", "cannot open the state", FULL),
        ("the queue at the start", "the background queue cannot be opened", FULL),
        ("a new revision", "the claim cannot be used", FULL),
        ("a copy for the way back", "0 are free", NO_COPY),
        ("a read-only claim", "the claim cannot be used", READ_ONLY),
        ("a read-only claim and a new revision", "the claim cannot be used", READ_ONLY),
        ("an empty read-only claim", "the claim cannot be used", READ_ONLY),
    ],
)
def test_a_start_says_what_to_do(found: dict[str, Any], start: str, what: str, advice: str) -> None:
    assert what in found[start]
    assert found[start].endswith(advice)
