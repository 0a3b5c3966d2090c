# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path

import pytest

from bench.figures import NotMeasuredError
from bench.peer.workerd import workerd_binary

PEER = Path(__file__).parents[3] / "bench" / "peer"


def test_the_lock_pins_the_packages_by_hash_and_names_no_host() -> None:
    wanted = json.loads((PEER / "package.json").read_text())["optionalDependencies"]
    text = (PEER / "package-lock.json").read_text()
    locked = {name.removeprefix("node_modules/"): entry for name, entry in json.loads(text)["packages"].items() if name}
    assert {name: entry["version"] for name, entry in locked.items()} == wanted
    assert all(entry["integrity"].startswith("sha512-") for entry in locked.values())
    assert "://" not in text


async def test_without_npm_there_is_no_peer_and_a_reason(tmp_path: Path) -> None:
    with pytest.raises(NotMeasuredError, match="npm is not installed"):
        await workerd_binary(tmp_path, npm=None)


async def test_a_failed_installation_is_a_reason_and_leaves_nothing(tmp_path: Path) -> None:
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'npm error code E404'\nexit 1\n")
    npm.chmod(0o755)
    with pytest.raises(NotMeasuredError, match="npm ci failed: npm error code E404"):
        await workerd_binary(tmp_path, npm=str(npm))
    assert [path.name for path in (tmp_path / "bench").iterdir()] == []
