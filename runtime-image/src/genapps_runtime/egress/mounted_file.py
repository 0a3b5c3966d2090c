# SPDX-License-Identifier: Apache-2.0
"""A small file that is replaced while the process runs: the kubelet renews the token, and the authority is rotated."""

import os


class MountedFile:
    """Read when it has changed, which costs a look at it and no more."""

    __slots__ = ("_content", "_path", "_seen")

    def __init__(self, path: str) -> None:
        self._path = path
        self._content = b""
        self._seen: tuple[int, int, int] | None = None

    def read(self) -> bytes:
        """The content; the same object as long as the file is the same. Raises OSError."""
        # The look comes first: a file that is replaced between the two is read again the next time.
        found = os.stat(self._path)  # noqa: PTH116  at each call, and a Path costs as much again
        seen = (found.st_mtime_ns, found.st_ino, found.st_size)
        if seen != self._seen:
            with open(self._path, "rb") as file:  # noqa: PTH123
                self._content = file.read()
            self._seen = seen
        return self._content
