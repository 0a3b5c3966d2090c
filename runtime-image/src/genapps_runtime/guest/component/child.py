# SPDX-License-Identifier: Apache-2.0
"""The process that compiles one component: bytes on standard input, machine code on standard output.

`python -m genapps_runtime.guest.component.child MEMORY_BYTES CPU_SECONDS FILE_BYTES`. It ends with REJECTED and a
sentence on standard error for what is no component of our world, with UNWRITTEN when its output takes no more. The
bytes are hostile and the compiler is large, so it is confined before it reads them with anything but `read`.
"""

import os
import sys
from collections.abc import Sequence
from ctypes import byref, string_at

from genapps_runtime.guest import c_api
from genapps_runtime.guest.c_api import ByteVec, ComponentPtr, EnginePtr, WasmtimeError
from genapps_runtime.guest.component import types_api
from genapps_runtime.guest.component.confinement import confine, end_with_parent, limit
from genapps_runtime.guest.component.world import OtherWorldError, check_world
from genapps_runtime.guest.configuration import configuration

REJECTED, UNWRITTEN = 3, 4
_SAID_BYTES = 600


def main(arguments: Sequence[str]) -> int:
    """Compile what standard input has; returns the exit code."""
    memory_bytes, cpu_seconds, file_bytes = map(int, arguments)
    end_with_parent()
    config = configuration()
    c_api.config_switch("parallel_compilation")(config, False)  # a thread for each core would take its own memory
    engine = c_api.engine_new_with_config(config)
    source = sys.stdin.buffer.read()
    limit(memory_bytes, cpu_seconds, file_bytes)
    confine()
    try:
        code = _compiled(engine, source)
    except (WasmtimeError, OtherWorldError) as error:
        return _ended(REJECTED, str(error))
    if code.size > file_bytes:
        return _ended(REJECTED, f"its machine code has {code.size} bytes; the maximum is {file_bytes}")
    try:
        _write(code)
    except OSError as error:
        return _ended(UNWRITTEN, str(error))
    return 0


def _compiled(engine: EnginePtr, source: bytes) -> ByteVec:
    """Its machine code; raises WasmtimeError and OtherWorldError."""
    component, code = ComponentPtr(), ByteVec()
    c_api.check(types_api.component_new(engine, source, len(source), byref(component)))
    check_world(engine, component)
    c_api.check(types_api.component_serialize(component, byref(code)))
    return code


def _write(code: ByteVec) -> None:
    at, end = code.data or 0, (code.data or 0) + code.size
    while at < end:
        at += os.write(sys.stdout.fileno(), string_at(at, min(end - at, 1024 * 1024)))


def _ended(code: int, why: str) -> int:
    os.write(sys.stderr.fileno(), why.encode(errors="replace")[:_SAID_BYTES])
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
