# SPDX-License-Identifier: Apache-2.0
"""The Python that the images have, run on the host.

The base of the images is Debian's file system, kept in the cache by `tools.images`. Its `/usr` is mounted over the
host's in a mount namespace of the one process, so that all other paths, sockets and the process id are the host's.
"""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
from pathlib import Path

from bench.figures import NotMeasuredError
from tools.images import base
from tools.images.build import building
from tools.images.steps import BuildError

_MOUNTED = 'mount --bind "$0" /usr && exec "$@"'


def image_python(cache: Path) -> tuple[str, ...]:
    """The first words of a command that runs on the images' Python. Raises NotMeasuredError with the reason."""
    if os.geteuid() != 0:
        raise NotMeasuredError("the images' Python: mounting their file system needs root")
    root = cache / "bench" / f"root-{base.key()}"
    if not root.exists():
        try:
            with building():
                archive = base.archive()
        except (BuildError, OSError) as error:
            raise NotMeasuredError(f"the images' Python: {error}") from None
        _extract(archive, root)
    return ("unshare", "--mount", "sh", "-c", _MOUNTED, str(root / "usr"), "/usr/bin/python3")


def _extract(archive: Path, root: Path) -> None:
    root.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=root.parent))
    try:
        with tarfile.open(archive) as packed:
            packed.extractall(staging, filter="fully_trusted")
        staging.rename(root)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
