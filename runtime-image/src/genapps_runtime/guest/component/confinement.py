# SPDX-License-Identifier: Apache-2.0
"""What the compiling process may still do when it looks at hostile bytes: compute, and write to its open files.

A filter of system calls (seccomp) refuses everything else, with the error EPERM: it opens no file, makes no socket,
process or thread, and sends no signal. Memory and time are limits of the kernel. Nothing here can be undone.
"""

import ctypes
import os
import resource
import signal
import struct

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP = 1, 38, 22
_FILTER_MODE = 2
_ALLOW, _EPERM, _KILL = 0x7FFF0000, 0x00050001, 0x80000000
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_NUMBER_OFFSET, _ARCHITECTURE_OFFSET = 0, 4
_NAMES = (
    "read", "write", "close", "fstat", "lseek", "mmap", "mprotect", "munmap", "brk", "rt_sigaction", "rt_sigprocmask",
    "rt_sigreturn", "mremap", "sched_yield", "madvise", "getpid", "exit", "sigaltstack", "gettid", "futex",
    "sched_getaffinity", "clock_gettime", "exit_group", "getrandom", "membarrier",
)  # fmt: skip
_NUMBERS = {
    "x86_64": (0, 1, 3, 5, 8, 9, 10, 11, 12, 13, 14, 15, 25, 24, 28, 39, 60, 131, 186, 202, 204, 228, 231, 318, 324),
    "aarch64": (63, 64, 57, 80, 62, 222, 226, 215, 214, 134, 135, 139, 216, 124, 233, 172, 93, 132, 178, 98, 123, 113,
                94, 278, 283),
}  # fmt: skip
"""Of each architecture that images are built for, in the order of the names."""
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


class _Program(ctypes.Structure):
    """`struct sock_fprog`"""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def end_with_parent() -> None:
    """The kernel ends this process when the thread that started it has ended."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0)
    if os.getppid() == 1:
        raise OSError("the process that asked has ended")


def limit(memory_bytes: int, cpu_seconds: int, file_bytes: int) -> None:
    """Bound what the process may take. `memory_bytes` counts what it can write to, with what it has already."""
    for kind, most in (
        (resource.RLIMIT_DATA, memory_bytes),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))


def confine() -> None:
    """Refuse every other system call from now on. Raises OSError when the kernel has no such filter."""
    machine = os.uname().machine
    if machine not in _NUMBERS:
        raise OSError(f"no filter of system calls for {machine}")
    program = _filter(_ARCHITECTURES[machine], _NUMBERS[machine])
    held = ctypes.create_string_buffer(program, len(program))
    _prctl(_PR_SET_NO_NEW_PRIVS, 1, 0)
    packed = _Program(len(program) // 8, ctypes.addressof(held))
    _prctl(_PR_SET_SECCOMP, _FILTER_MODE, ctypes.addressof(packed))


def _filter(architecture: int, allowed: tuple[int, ...]) -> bytes:
    """A program of the kernel's packet filter: another architecture ends the process, another call is EPERM."""
    steps = [
        (_LOAD, 0, 0, _ARCHITECTURE_OFFSET),
        (_JUMP_IF_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER_OFFSET),
        *((_JUMP_IF_EQUAL, len(allowed) - place, 0, number) for place, number in enumerate(allowed)),
        (_RETURN, 0, 0, _EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def _prctl(option: int, first: int, second: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    whole = ctypes.c_ulong
    if libc.prctl(option, whole(first), whole(second), whole(0), whole(0)):
        number = ctypes.get_errno()
        raise OSError(number, f"prctl {option}: {os.strerror(number)}")
