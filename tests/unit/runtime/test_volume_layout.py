# SPDX-License-Identifier: Apache-2.0
"""A claim tells the layout of its files: older runtimes do not start on a newer one, and nor does this one."""

from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest

from genapps_runtime.state.layout import LAYOUT
from genapps_runtime.state.volume import POINTER, Volume
from genapps_runtime.termination import Reason, RefusedError
from tests.unit.runtime.claims import A, B, Start, both, found, killed, take_over

WROTE_A = Start(A, "by a")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = tmp_path / "claims" / "claim"
    made.mkdir(parents=True)
    return made


def _pointer(**changes: Any) -> bytes:
    return orjson.dumps({"revision": A, "folder": "facets-1", "copy": None, **changes})


def test_a_pointer_of_the_first_layout_becomes_one_that_older_runtimes_refuse(directory: Path) -> None:
    take_over(directory, WROTE_A)
    take_over(directory, Start(B))
    newer = orjson.loads((directory / POINTER).read_bytes())
    assert newer.pop("layout") == LAYOUT
    first = orjson.dumps(newer)
    (directory / POINTER).write_bytes(first)
    expected = {"revision": B, "values": both("by a"), "copy": (A, both("by a"))}
    for volume in killed(directory, Start(B)):
        take_over(volume, Start(B))
        assert found(volume) == expected
        # Those of the first layout start only with exactly the members that they know: see "a field too many".
        assert (volume / POINTER).read_bytes() == orjson.dumps({**newer, "layout": LAYOUT})


def test_the_pointer_is_changed_before_a_facet_can_be(directory: Path) -> None:
    take_over(directory, WROTE_A)
    (directory / POINTER).write_bytes(_pointer())
    with closing(Volume(str(directory), A)) as volume:
        volume.prepare(snapshot=False, restore=False)
    assert (directory / POINTER).read_bytes() == _pointer(layout=LAYOUT)


def test_the_state_of_a_newer_runtime_is_refused_and_not_called_damaged(directory: Path) -> None:
    take_over(directory, WROTE_A)
    (directory / POINTER).write_bytes(_pointer(layout=LAYOUT + 1))
    with closing(Volume(str(directory), A)) as volume, pytest.raises(RefusedError) as refused:
        volume.prepare(snapshot=False, restore=False)
    assert refused.value.reason is Reason.STATE_UNAVAILABLE
    assert f"newer runtime (layout {LAYOUT + 1}" in refused.value.message
