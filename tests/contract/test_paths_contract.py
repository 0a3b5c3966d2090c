# SPDX-License-Identifier: Apache-2.0
"""The paths that files of a bundle may have: the operator judges them, and the runtime what is mounted.

What only the operator takes would be a pod that is refused, what only the runtime takes a way in.
"""

from pathlib import Path

import pytest

from genapps.api import bundles, digests
from genapps_runtime.bundle import read_bundle
from genapps_runtime.termination import RefusedError

ENTRY = "app.py"
PATHS = [
    ENTRY, "a/b.py", "a/b/c/d/e/f/g/h", "a/b/c/d/e/f/g/h/i", "a" * 253, "a" * 254, f"{'a' * 200}/{'b' * 52}",
    f"{'a' * 200}/{'b' * 53}", ".env", ".a/.b", "..a", "a/..b", "...", ".-", "-", "_", "a..", "a b", "\u00e9", "a\n",
    "a:b", "a\\b", "~",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS, ids=ascii)
def test_both_planes_take_the_same_paths(tmp_path: Path, path: str) -> None:
    files = {ENTRY: b"", path: b""}
    for name in files:
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"")
    try:
        found = read_bundle(str(tmp_path), ENTRY, digests.bundle_digest(ENTRY, files)).files
    except RefusedError:
        found = {}
    assert (found == files) is bundles.is_path(path)
