# SPDX-License-Identifier: Apache-2.0
"""The queue of an earlier revision that ran in the background, where the one in force does not.

Nobody opens its file any more: what callers had sent would stay there after their retention, and after the deletion of
a tenant. No entry of it would run on another revision anyway.
"""

from contextlib import closing, suppress
from pathlib import Path

from genapps_runtime import logs
from genapps_runtime.serve.background.entries import FILE, FOLDER, LEFT
from genapps_runtime.state.erasure import Erased, wipe
from genapps_runtime.state.safe_dir import SafeDir


def remove_queue(state_directory: str) -> None:
    """Remove it with its bytes, if there is one. It may be killed and repeated. Raises OSError."""
    if not (Path(state_directory) / FOLDER).is_dir():
        return
    with closing(SafeDir(state_directory)) as root, closing(root.enter(FOLDER)) as folder:
        with suppress(FileNotFoundError):
            folder.rename(FILE, LEFT)
            folder.flush()
        for name in folder.names():
            wipe(folder, name, Erased())
        root.remove(FOLDER)
        root.flush()
    logs.write("background queue removed", cause="the app does not run in the background any more")
