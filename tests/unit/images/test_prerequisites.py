# SPDX-License-Identifier: Apache-2.0
"""What the image build needs of the host, and how it says so."""

from pathlib import Path

import pytest

from tools.images import steps
from tools.images.prerequisites import PACKAGES, missing


def test_missing_programs_are_named_by_their_packages(tmp_path: Path) -> None:
    keyring = tmp_path / "keyring"
    assert missing(str(tmp_path), keyring) == sorted({*PACKAGES.values(), "debian-archive-keyring"})
    keyring.touch()
    for program in PACKAGES:
        (tmp_path / program).touch(mode=0o755)
    (tmp_path / "buildah").unlink()
    assert missing(str(tmp_path), keyring) == ["buildah"]


def test_failing_step_shows_the_end_of_its_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENAPPS_CACHE", str(tmp_path))
    with pytest.raises(steps.BuildError, match="exit 3") as failure, steps.step("something", "1 s"):
        steps.run("unit-test", ["sh", "-c", "echo the reason; exit 3"])
    assert "the reason" in str(failure.value)
    assert capsys.readouterr().out == "  something (usually 1 s) ... failed\n"
