# SPDX-License-Identifier: Apache-2.0
"""What is on the app's volume: the facets in use, at most one copy of them for a rollback, and the pointer.

The pointer is a small file. It names the directory of the facets, the revision that could write them last, and the
directory of the copy of what an earlier revision left. It is replaced as a whole, by a rename, so every change
takes effect at one moment. A copy becomes durable beside the facets in use. A restore writes a new pointer and
copies nothing, so it needs no space. A directory that the pointer does not name was left by a killed start and is
removed at the next start.

The pointer has the layout of the facets (`layout`), from before the first of them is brought forward: runtimes that do
not know it take such a pointer for a damaged one and do not start.

All of this happens before the facets are opened. Guests cannot reach it, and no symbolic link is followed.
"""

import os
import re
from contextlib import closing
from dataclasses import dataclass, replace

import orjson

from genapps_runtime import logs
from genapps_runtime.state.carrying import carry_marks
from genapps_runtime.state.claim_space import expect_writable, known_cause
from genapps_runtime.state.erasure import finish_erasures
from genapps_runtime.state.errors import StateUnavailableError
from genapps_runtime.state.layout import LAYOUT
from genapps_runtime.state.safe_dir import ForeignFileError, SafeDir
from genapps_runtime.termination import Reason, RefusedError

POINTER = "mark.json"
POINTER_BYTES = 4096
_NEW_POINTER = "mark.json.new"
_FIRST = "facets-1"
_FOLDER = re.compile(r"facets-([1-9][0-9]{0,8})")
_WAY_OUT = "choose a tier with a larger claim, or set spec.rollback.state: Keep"


@dataclass(frozen=True, slots=True)
class Copy:
    """The state that `revision` left, in the directory `folder`."""

    revision: str
    folder: str


@dataclass(frozen=True, slots=True)
class Pointer:
    """The content of the pointer file. `revision` is the last that could write the facets in `folder`."""

    revision: str
    folder: str
    copy: Copy | None = None

    def content(self, layout: int = LAYOUT) -> bytes:
        """The file's bytes as the runtimes of that layout write them: those of the first do not name it."""
        copy = self.copy and {"revision": self.copy.revision, "folder": self.copy.folder}
        named = {"revision": self.revision, "folder": self.folder, "copy": copy}
        return orjson.dumps({**named, "layout": layout} if layout else named)


class Volume:
    """The volume as one revision takes it over: `prepare`, open the facets in `facets`, load the code, `hand_over`."""

    def __init__(self, directory: str, revision: str) -> None:
        """Open the directory; raises RefusedError (StateUnavailable)."""
        self.directory = directory
        self._revision = revision
        self._pointer = Pointer(revision, _FIRST)
        self._due = self._pointer
        """The pointer from the moment on at which this revision may write."""
        try:
            self._root = SafeDir(directory)
        except OSError as error:
            raise _unavailable(error, directory) from None

    @property
    def facets(self) -> str:
        """Path of the directory with the facets in use; valid after `prepare`."""
        return os.path.join(self.directory, self._pointer.folder)  # noqa: PTH118  sqlite3 takes text

    @property
    def folders(self) -> list[str]:
        """Names of the directories with facets: those in use, and their copy if there is one; after `hand_over`."""
        return [self._pointer.folder, *([self._pointer.copy.folder] if self._pointer.copy else [])]

    def prepare(self, *, snapshot: bool, restore: bool) -> None:
        """Restore or copy the state, while nobody has the facets open and before any code runs.

        With `restore`, and a copy of what this revision left, that copy is used again. Otherwise `snapshot` asks
        for a copy of what another revision left. The call may be killed at any point and repeated. Raises
        RefusedError: StateSnapshotFailed when the copy cannot be made, otherwise StateUnavailable; the facets are
        unchanged then.
        """
        try:
            expect_writable(self.directory)
            self._open()
            self._due = self._prepared(snapshot=snapshot, restore=restore)
        except OSError as error:
            raise _unavailable(error, self.directory) from None

    def hand_over(self) -> None:
        """From now on the facets are this revision's; call it before the revision can write for the first time.

        Call it only after the code has loaded. Code that never ran has written nothing, and a rollback from its
        successor skips it. Raises RefusedError (StateUnavailable).
        """
        try:
            if self._pointer != self._due:
                self._set(self._due)
        except OSError as error:
            raise _unavailable(error, self.directory) from None

    def close(self) -> None:
        """Close the directory."""
        self._root.close()

    def _open(self) -> None:
        """Read the pointer or write the first one, check what it names, and only then remove everything else."""
        content = self._root.read(POINTER, POINTER_BYTES)
        if content is None:
            self._begin()
        else:
            self._pointer = _parsed(content)
        for named in (self._pointer, self._pointer.copy):
            if named:
                with closing(self._root.enter(named.folder)) as facets:
                    facets.sizes()
        self._sweep()
        finish_erasures(self.directory, self.folders)
        if content is not None and content != self._pointer.content():
            self._set(self._pointer)

    def _begin(self) -> None:
        """An empty volume, or one whose first start was killed here."""
        for name in filter(_FOLDER.fullmatch, self._root.names()):
            with closing(self._root.enter(name)) as folder:
                if folder.names():
                    raise ForeignFileError(0, f"there is state but no {POINTER}")
        self._sweep()
        if _FIRST not in self._root.names():
            self._root.make(_FIRST)
        self._set(self._pointer)

    def _prepared(self, *, snapshot: bool, restore: bool) -> Pointer:
        pointer, revision = self._pointer, self._revision
        if pointer.revision == revision:
            # A copy of its own, made for a successor that did not load, is out of date with its first write.
            return pointer if pointer.copy is None or pointer.copy.revision != revision else replace(pointer, copy=None)
        if restore and pointer.copy and pointer.copy.revision == revision:
            self._carry_marks(pointer.folder, pointer.copy.folder)
            self._set(Pointer(revision, pointer.copy.folder))
            logs.write("state restored", revision=revision, insteadOf=pointer.revision)
            return self._pointer
        if restore:
            logs.write("no copy to restore", level="warning", revision=revision, stateOf=pointer.revision)
        return Pointer(revision, pointer.folder, self._copied() if snapshot else None)

    def _carry_marks(self, left: str, restored: str) -> None:
        """Before the pointer names the restored facets: a start that is killed here does it again."""
        try:
            carried = carry_marks(f"{self.directory}/{left}", f"{self.directory}/{restored}")
        except StateUnavailableError as error:
            raise RefusedError(Reason.STATE_UNAVAILABLE, f"the state cannot be restored: {error}; {_WAY_OUT}") from None
        if carried:
            with closing(self._root.enter(restored)) as folder:
                folder.flush()

    def _copied(self) -> Copy:
        """A durable copy of the facets in use, named by the revision that left them."""
        pointer = self._pointer
        if pointer.copy and pointer.copy.revision == pointer.revision:
            return pointer.copy  # of an earlier start whose code did not load: nobody has written since
        if pointer.copy:
            pointer = replace(pointer, copy=None)
            self._set(pointer)  # first, so that the claim has to hold two at most
        needed = 0
        try:
            with closing(self._root.enter(pointer.folder)) as facets:
                sizes = facets.sizes()
                needed = sum(sizes.values())
                self._root.expect_room(needed)
                copy = Copy(pointer.revision, _next(pointer.folder))
                self._root.make(copy.folder)
                with closing(self._root.enter(copy.folder)) as target:
                    for name in sizes:
                        facets.copy(name, target)
                    target.flush()
            self._root.flush()
            self._set(replace(pointer, copy=copy))
        except OSError as error:
            raise self._failed(error, needed) from None
        logs.write("state copied", revision=pointer.revision, bytes=needed)
        return copy

    def _failed(self, error: OSError, needed: int) -> RefusedError:
        """Remove the incomplete copy, which may be what fills the disk; returns the error."""
        try:
            self._sweep()
            free = f"{self._root.free()} are free"
        except OSError as second:
            free = f"the free space is unknown ({second.strerror})"
        message = f"the state cannot be copied ({error.strerror}): it takes {needed} bytes, {free}; {_WAY_OUT}"
        return RefusedError(Reason.STATE_SNAPSHOT_FAILED, message)

    def _set(self, pointer: Pointer) -> None:
        """Replace the pointer. Every change takes effect by this step; it is durable when the call returns."""
        self._root.write(_NEW_POINTER, pointer.content())
        self._root.rename(_NEW_POINTER, POINTER)
        self._pointer = pointer
        self._root.flush()
        self._sweep()

    def _sweep(self) -> None:
        """Remove the directories that the pointer does not name, and an incomplete pointer."""
        named = {self._pointer.folder, self._pointer.copy.folder if self._pointer.copy else ""}
        for name in self._root.names():
            if name == _NEW_POINTER or (_FOLDER.fullmatch(name) and name not in named):
                self._root.remove(name)


def _next(folder: str) -> str:
    """A directory name for the copy; the only other directory is the one in use."""
    return f"facets-{int(folder.removeprefix('facets-')) + 1}"


def _parsed(content: bytes) -> Pointer:
    """The pointer in the file. Raises ForeignFileError unless a `Pointer` wrote it: a guess could lose the state."""
    try:
        raw = orjson.loads(content)
        layout = raw.get("layout", 0)
        if type(layout) is int and layout > LAYOUT:
            raise ForeignFileError(0, f"the state was written by a newer runtime (layout {layout}, known is {LAYOUT})")
        copy = None if raw["copy"] is None else Copy(raw["copy"]["revision"], raw["copy"]["folder"])
        pointer = Pointer(raw["revision"], raw["folder"], copy)
        texts = [pointer.revision, pointer.folder, *([copy.revision, copy.folder] if copy else [])]
        known = all(isinstance(text, str) for text in texts) and all(map(_FOLDER.fullmatch, texts[1::2]))
    except (ValueError, KeyError, TypeError, AttributeError):
        known = False
    if not known or content not in map(pointer.content, range(LAYOUT + 1)) or (copy and copy.folder == pointer.folder):
        raise ForeignFileError(0, f"{POINTER} is damaged")
    return pointer


def _unavailable(error: OSError, directory: str) -> RefusedError:
    cause = known_cause(error, directory) or f"{error.strerror}; the platform has to look at it"
    message = f"the claim cannot be used: {cause}"
    return RefusedError(Reason.STATE_UNAVAILABLE, message)
