# SPDX-License-Identifier: Apache-2.0
"""Everything of one tenant leaves the claim: facet, name, the copies for a way back, and the journal of tool calls.

One rename takes the facet out of use: before it nothing has changed, and after it the tenant has no state. What a kill
leaves after it is finished at the next start, before anything is opened. Files are overwritten with zeros before they
are removed, so that their bytes are not in free blocks of the disk. A rename and an overwriting need no room.
"""

import errno
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass

from genapps_runtime.state.facet_files import FILE_ENDING
from genapps_runtime.state.journal import FOLDER as JOURNALS
from genapps_runtime.state.journal import JOURNAL_ENDINGS
from genapps_runtime.state.safe_dir import SafeDir
from genapps_runtime.state.tenant_names import ENDING as NAME_ENDING

ERASED_ENDING = ".erased"
_BESIDE = (*(FILE_ENDING + ending for ending in ("-wal", "-shm", "-journal")), NAME_ENDING)
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
"""Where a file system writes to another place, it may have none: the file is removed all the same."""


@dataclass(slots=True)
class Erased:
    """What was removed: how many files, with how many bytes."""

    files: int = 0
    bytes: int = 0


def erase(directory: str, folders: Sequence[str], name: str) -> Erased:
    """Remove what the tenant whose hash is `name` has on the volume, while nobody has any of it open.

    `folders` are those with facets, the one in use first. Raises OSError; call it again then.
    """
    with closing(SafeDir(directory)) as root, closing(root.enter(folders[0])) as facets:
        erased = Erased()
        wipe(facets, name + ERASED_ENDING, erased)
        with suppress(FileNotFoundError):  # there may be more of the tenant
            facets.rename(name + FILE_ENDING, name + ERASED_ENDING)
        facets.flush()
        _remove_others(root, folders[1:], name, erased)
        _remove_beside(facets, name, erased)
        return erased


def finish_erasures(directory: str, folders: Sequence[str]) -> None:
    """Finish what a kill has interrupted; the arguments and the errors are those of `erase`."""
    with closing(SafeDir(directory)) as root, closing(root.enter(folders[0])) as facets:
        names = facets.names()
        for name in [one.removesuffix(ERASED_ENDING) for one in names if one.endswith(ERASED_ENDING)]:
            if name + FILE_ENDING in names:  # an error had ended it, and the tenant has come back
                wipe(facets, name + ERASED_ENDING, Erased())
                continue
            _remove_others(root, folders[1:], name, Erased())
            _remove_beside(facets, name, Erased())


def _remove_others(root: SafeDir, copies: Sequence[str], name: str, erased: Erased) -> None:
    """What is not in the folder of the facets in use."""
    for copy in copies:
        with closing(root.enter(copy)) as folder:
            for ending in (FILE_ENDING, *_BESIDE):
                wipe(folder, name + ending, erased)
            folder.flush()
    if JOURNALS in root.names():
        with closing(root.enter(JOURNALS)) as folder:
            for ending in JOURNAL_ENDINGS:
                wipe(folder, name + ending, erased)
            folder.flush()


def _remove_beside(facets: SafeDir, name: str, erased: Erased) -> None:
    """What is left of the facet. Last the file that says that all of this is to be done."""
    for ending in _BESIDE:
        wipe(facets, name + ending, erased)
    facets.flush()
    wipe(facets, name + ERASED_ENDING, erased)
    facets.flush()


def wipe(folder: SafeDir, name: str, erased: Erased) -> None:
    """Remove a file with its bytes, if it is there, and count it. Raises OSError."""
    try:
        erased.bytes += folder.overwrite(name)
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
    folder.remove(name)
    erased.files += 1
