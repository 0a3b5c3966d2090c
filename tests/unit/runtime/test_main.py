# SPDX-License-Identifier: Apache-2.0
"""The command line."""

import pytest

from genapps_runtime.main import main

DIGESTS = ["--config-digest", "sha256:" + "a" * 64, "--code-digest", "sha256:" + "b" * 64]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--restore-state"],
        DIGESTS[:2],
        [*DIGESTS[:2], "--restore-state"],
        [*DIGESTS[:2], "--restore-state", *DIGESTS[2:]],
        [*DIGESTS, "--restore-state", "--restore-state"],
        [*DIGESTS, "--debug", "--debug"],
        [*DIGESTS, "--debug", "--restore-state", "--debug"],
        ["--debug", *DIGESTS],
        [*DIGESTS, "--restore"],
        [*DIGESTS[:3], "sha256:" + "B" * 64],
        [*DIGESTS[:3], "b" * 64],
    ],
)
def test_any_other_command_line_is_an_error_of_use(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "usage: genapps-runtime" in capsys.readouterr().err
