# SPDX-License-Identifier: Apache-2.0
"""The example in Rust, built as its own script does: an app that is a component, as people make one."""

import os
import shutil
import subprocess
from pathlib import Path

from tools.engines.places import ROOT, cache

EXAMPLE = ROOT / "examples" / "rust-component"
TARGET = "wasm32-wasip2"


class NoRustError(Exception):
    """This machine has no cargo, or not the target."""


def rust_example() -> Path:
    """The component, built if it is older than its source. Raises NoRustError, and CalledProcessError."""
    if not _has_rust():
        raise NoRustError(f"needs cargo and the target {TARGET}")
    # Kept outside of the checkout: the dependencies take most of a minute the first time.
    environment = {**os.environ, "CARGO_TARGET_DIR": str(cache() / "rust-component")}
    subprocess.run(["sh", str(EXAMPLE / "build.sh")], env=environment, check=True)
    return EXAMPLE / "build" / "app.wasm"


def _has_rust() -> bool:
    if shutil.which("cargo") is None:
        return False
    root = subprocess.run(["rustc", "--print", "sysroot"], capture_output=True, text=True, check=False).stdout.strip()
    return (Path(root) / "lib" / "rustlib" / TARGET).is_dir()
