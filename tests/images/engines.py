"""Puts the guest engine into the build context, where the runtime image's Dockerfile copies it from."""

import shutil

from tests.images.places import STAGED_ENGINES
from tests.support import engines


def stage() -> None:
    """Build the engine if the cache has none, and copy it to `build/engines/` when it differs."""
    built = engines.python_wasm()
    staged = STAGED_ENGINES / "python.wasm"
    if staged.exists() and staged.read_bytes() == built.read_bytes():
        return
    staged.parent.mkdir(parents=True, exist_ok=True)
    partial = staged.with_suffix(".partial")
    shutil.copyfile(built, partial)
    partial.rename(staged)
