# SPDX-License-Identifier: Apache-2.0
"""The functions of `os` for apps: files are those of `tree`, and the rest says what is not there."""

import errno
import os
import posixpath
import stat as modes
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Never, TypeVar

from stdlib import tree
from stdlib.file_objects import Opened, opened

Result = TypeVar("Result")
_STANDARD = {1: "stdout", 2: "stderr"}
_NO_PROCESSES = "apps have no processes: write a function, or use `await tools.call(...)`"
_NO_LINKS = "apps have no links: copy the file"
_NO_PIPES = "apps have no pipes and sockets: use io.BytesIO"


def _entry(path: Any) -> tree.Entry:
    return opened(path).entry if isinstance(path, int) else tree.find(tree.absolute(path))


def stat(path: Any, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> os.stat_result:
    """Size, kind and times."""
    return _entry(path).stat()


def lstat(path: Any, *, dir_fd: int | None = None) -> os.stat_result:
    """As `stat`: there are no links."""
    return _entry(path).stat()


def fstat(fd: int) -> os.stat_result:
    """As `stat`, by number."""
    return opened(fd).entry.stat()


def access(
    path: Any, mode: int, *, dir_fd: int | None = None, effective_ids: bool = False, follow_symlinks: bool = True
) -> bool:
    """Whether it is there, and where writing is asked for, whether it can be written."""
    try:
        entry = _entry(path)
    except OSError:
        return False
    return not mode & os.W_OK or entry.owner is not None


def listdir(path: Any = ".") -> list[Any]:
    """The names in a folder; bytes for bytes."""
    found = tree.names(tree.absolute(path))
    return [os.fsencode(name) for name in found] if isinstance(path, bytes) else found


class DirEntry:
    """What `scandir` yields."""

    def __init__(self, folder: Any, name: Any) -> None:
        self.name = name
        self.path = posixpath.join(folder, name)

    def __fspath__(self) -> Any:
        return self.path

    def __repr__(self) -> str:
        return f"<DirEntry {self.name!r}>"

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """As `os.stat`."""
        return stat(self.path)

    def inode(self) -> int:
        """Its number."""
        return stat(self.path).st_ino

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it is a folder."""
        return modes.S_ISDIR(stat(self.path).st_mode)

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it is a file."""
        return modes.S_ISREG(stat(self.path).st_mode)

    def is_symlink(self) -> bool:
        """Never."""
        return False

    def is_junction(self) -> bool:
        """Never."""
        return False


class _Scan:
    """The iterator of `scandir`, to be closed or used with `with`."""

    def __init__(self, entries: list[DirEntry]) -> None:
        self._entries: Iterator[DirEntry] = iter(entries)

    def __iter__(self) -> Iterator[DirEntry]:
        return self

    def __next__(self) -> DirEntry:
        return next(self._entries)

    def __enter__(self) -> "_Scan":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Yield no more."""
        self._entries = iter(())


def scandir(path: Any = ".") -> _Scan:
    """The entries of a folder."""
    folder = os.fspath(path)
    return _Scan([DirEntry(folder, name) for name in listdir(folder)])


def mkdir(path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
    """Make a folder in /tmp."""
    where = tree.absolute(path)
    if tree.lookup(where) is not None:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
    tree.files().add(where, None)


def rmdir(path: Any, *, dir_fd: int | None = None) -> None:
    """Remove an empty folder of /tmp."""
    where = tree.absolute(path)
    if tree.names(where):
        raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), path)
    tree.files().remove(where)


def unlink(path: Any, *, dir_fd: int | None = None) -> None:
    """Remove a file of /tmp."""
    where = tree.absolute(path)
    if tree.find(where).content is None:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    tree.files().remove(where)


def rename(src: Any, dst: Any, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None) -> None:
    """Move a file, or a folder with all that is in it, within /tmp; a file that is there is replaced."""
    source, target = tree.absolute(src), tree.absolute(dst)
    held = tree.files()
    moved = tree.find(source)
    if source == target:
        return
    if target.startswith(f"{source}/"):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), src, None, dst)
    if tree.lookup(target) is not None:
        (rmdir if moved.content is None else unlink)(target)
    for path in [source, *(path for path in held.entries if path.startswith(f"{source}/"))]:
        if path not in held.entries or path == tree.TMP:
            held.remove(path)
        entry = held.entries.pop(path)
        held.add(target + path[len(source) :], None)
        held.entries[target + path[len(source) :]] = entry


def chmod(path: Any, mode: int, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> None:
    """Nothing: files have no rights of their own."""
    _entry(path)


def utime(path: Any, times: Any = None, *, ns: Any = None, dir_fd: int | None = None, **_: Any) -> None:
    """Set the time of the last change."""
    seconds = ns[1] / 1e9 if ns else times[1] if times else time.time()
    _entry(path).modified = seconds


def truncate(path: Any, length: int) -> None:
    """Cut a file, or fill it up with zeros."""
    _entry(path).resize(length)


def chdir(path: Any) -> None:
    """Work in another folder, for the rest of the request."""
    where = tree.absolute(path)
    tree.folder(where)
    tree.files().folder = where


def getcwd() -> str:
    """The folder of the app's files, unless `chdir` has changed it."""
    return tree.files().folder


def getcwdb() -> bytes:
    """As `getcwd`."""
    return os.fsencode(getcwd())


def readlink(path: Any, *, dir_fd: int | None = None) -> Never:
    """Nothing is a link."""
    _entry(path)
    raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), path)


def open_number(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
    """As `os.open`."""
    return Opened(tree.absolute(path), flags).fileno()


def close(fd: int) -> None:
    """As `os.close`."""
    opened(fd).close()


def closerange(fd_low: int, fd_high: int, /) -> None:
    """As `os.closerange`."""
    for number in [number for number in tree.files().opened if fd_low <= number < fd_high]:
        close(number)


def read(fd: int, length: int, /) -> bytes:
    """As `os.read`; standard input is empty."""
    return b"" if fd == 0 else opened(fd).read(length)


def readinto(fd: int, buffer: Any, /) -> int:
    """As `os.readinto`."""
    piece = read(fd, len(memoryview(buffer).cast("B")))
    memoryview(buffer).cast("B")[: len(piece)] = piece
    return len(piece)


def write(fd: int, data: Any, /) -> int:
    """As `os.write`; standard output and error are logged."""
    if fd in _STANDARD:
        text = bytes(data).decode(errors="replace")
        getattr(sys, _STANDARD[fd]).write(text)
        return len(memoryview(data).cast("B"))
    return opened(fd).write(data)


def pread(fd: int, length: int, offset: int, /) -> bytes:
    """As `os.pread`."""
    return _there(fd, offset, lambda file: file.read(length))


def pwrite(fd: int, data: Any, offset: int, /) -> int:
    """As `os.pwrite`."""
    return _there(fd, offset, lambda file: file.write(data))


def _there(fd: int, offset: int, act: Callable[[Opened], Result]) -> Result:
    file = opened(fd)
    before = file.at
    file.seek(offset)
    try:
        return act(file)
    finally:
        file.at = before


def lseek(fd: int, position: int, whence: int, /) -> int:
    """As `os.lseek`."""
    return opened(fd).seek(position, whence)


def ftruncate(fd: int, length: int, /) -> None:
    """As `os.ftruncate`."""
    opened(fd).truncate(length)


def fsync(fd: Any) -> None:
    """Nothing: files are in memory."""
    opened(fd)


def isatty(fd: int, /) -> bool:
    """Never."""
    return False


def uname() -> os.uname_result:
    """Nothing about the node."""
    return os.uname_result(("WASI", "app", "", "", "wasm32"))


def times() -> os.times_result:
    """Nobody counts an app's CPU time inside of it: all but the last number is zero."""
    return os.times_result((0.0, 0.0, 0.0, 0.0, time.monotonic()))


def _refused(sentence: str) -> Callable[..., Never]:
    def refuse(*_: Any, **__: Any) -> Never:
        raise PermissionError(errno.EPERM, sentence)

    return refuse


FUNCTIONS: dict[str, Any] = {
    "DirEntry": DirEntry, "access": access, "chdir": chdir, "chmod": chmod, "close": close, "closerange": closerange,
    "fdatasync": fsync, "fstat": fstat, "fsync": fsync, "ftruncate": ftruncate, "getcwd": getcwd, "getcwdb": getcwdb,
    "isatty": isatty, "listdir": listdir, "lseek": lseek, "lstat": lstat, "mkdir": mkdir, "open": open_number,
    "pread": pread, "pwrite": pwrite, "read": read, "readinto": readinto, "readlink": readlink, "remove": unlink,
    "rename": rename, "replace": rename, "rmdir": rmdir, "scandir": scandir, "stat": stat, "times": times,
    "truncate": truncate, "uname": uname, "unlink": unlink, "utime": utime, "write": write,
    "cpu_count": lambda: 1, "device_encoding": lambda _fd: None, "getpid": lambda: 1, "getppid": lambda: 0,
    "posix_fadvise": lambda *_: None, "process_cpu_count": lambda: 1, "register_at_fork": lambda **_: None,
    "sched_yield": lambda: None,
    "umask": lambda _mask: 0o22, "get_terminal_size": lambda *_: os.terminal_size((80, 24)),
    **dict.fromkeys(
        (
            "_exit", "abort", "execv", "execve", "fork", "forkpty", "kill", "killpg", "nice", "popen", "posix_spawn",
            "posix_spawnp", "spawnl", "spawnle", "spawnlp", "spawnv", "spawnve", "spawnvp", "system", "wait", "waitpid",
        ),
        _refused(_NO_PROCESSES),
    ),
    **dict.fromkeys(("link", "symlink"), _refused(_NO_LINKS)),
    **dict.fromkeys(
        (
            "dup", "dup2", "fpathconf", "get_blocking", "get_inheritable", "mkfifo", "pathconf", "pipe",
            "set_blocking", "set_inheritable",
        ),
        _refused(_NO_PIPES),
    ),
}  # fmt: skip
"""What `os` has for apps, by name."""
