# SPDX-License-Identifier: Apache-2.0
"""`make test` leaves no folder of tests out."""

from pathlib import Path

from tests.__main__ import WITH_NODE, WITHOUT_NODE

TESTS = Path(__file__).resolve().parents[2]


def test_each_folder_with_tests_is_run_once() -> None:
    rooms = {path.relative_to(TESTS).parts[0] for path in TESTS.rglob("test_*.py")}
    assert sorted(rooms) == sorted(WITH_NODE + WITHOUT_NODE)
