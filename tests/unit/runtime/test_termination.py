# SPDX-License-Identifier: Apache-2.0
"""Termination messages: one printable line that fits, whatever the guest's code says."""

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from genapps_runtime.termination import MESSAGE_BYTES, Reason, RefusedError, termination_line, write_termination


@given(st.sampled_from(Reason), st.text(max_size=5000))
def test_a_termination_message_is_one_line_of_json_within_a_kibibyte(reason: Reason, message: str) -> None:
    line = termination_line(RefusedError(reason, message))
    assert len(line) <= MESSAGE_BYTES
    assert line.endswith(b"\n")
    assert line.isascii()
    assert not set(line[:-1]) & set(range(0x20))
    found = json.loads(line)
    assert found["reason"] == reason.value
    assert message.startswith(found["message"])


@given(st.text(max_size=100))
def test_a_short_message_is_kept_whole(message: str) -> None:
    assert json.loads(termination_line(RefusedError(Reason.CODE_REJECTED, message)))["message"] == message


def test_a_place_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    write_termination(str(tmp_path / "nowhere" / "log"), RefusedError(Reason.EGRESS_OPEN, "x"))
    assert list(tmp_path.iterdir()) == []
