# SPDX-License-Identifier: Apache-2.0
"""wasmtime's configuration as an object of its C API: for what compiles and for what runs, because they must agree."""

from genapps_runtime.guest import c_api
from genapps_runtime.guest.precompile import SWITCHES, target

STACK_BYTES = 4 * 1024 * 1024
"""What a call into a guest may take of the stack: half of what a thread has. Interpreters bound the depth of their own
programs, and must come to that bound first: else one caller's nested JSON would end the instance for all."""
FIBER_BYTES = STACK_BYTES + 1024 * 1024
"""The stack of a fiber, with what our functions need of it. Pages that were never touched take no memory."""


def configuration() -> c_api.ConfigPtr:
    """A new one, which the engine that is made with it takes."""
    config: c_api.ConfigPtr = c_api.config_new()
    c_api.check(c_api.config_target_set(config, target().encode()))
    c_api.config_async_stack_size_set(config, FIBER_BYTES)
    c_api.config_max_wasm_stack_set(config, STACK_BYTES)
    for name, on in SWITCHES.items():
        c_api.config_switch(name)(config, on)
    return config
