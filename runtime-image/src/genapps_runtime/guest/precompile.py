# SPDX-License-Identifier: Apache-2.0
"""How guest code is compiled: once, in the image build (or by the tests), for every node of its architecture."""

import os
from pathlib import Path

SWITCHES = {
    "epoch_interruption": True,
    "wasm_threads": False,
    "wasm_memory64": False,
    "wasm_relaxed_simd": False,
    "wasm_tail_call": False,
    "wasm_function_references": False,
    "wasm_gc": False,
    "wasm_stack_switching": False,
    "wasm_custom_page_sizes": False,
    "wasm_wide_arithmetic": False,
    "wasm_exceptions": False,
    "wasm_component_model_async": False,
    "concurrency_support": False,
}
"""The configuration for compiling and for running; wasmtime refuses code that was compiled with another one.

Epochs are on, every feature that we do not need is off. With the last one wasmtime keeps an account of tasks and
threads for each call, which took an eighth of the call."""


def target() -> str:
    """The baseline CPU of this architecture, so that an image runs on any node of it."""
    return f"{os.uname().machine}-unknown-linux-gnu"


def precompile(source: str, machine_code: str) -> None:
    """Compile the component `source` to the file `machine_code` for `Language`.

    The file is written beside its place and renamed, so it is complete or absent.
    """
    # Only here: a pod gets along without the package's Python (`c_api`).
    from wasmtime import Config, Engine, _bindings
    from wasmtime.component import Component

    config = Config()
    config.target = target()
    for name, on in SWITCHES.items():  # the package's own class does not know them all
        getattr(_bindings, f"wasmtime_config_{name}_set")(config.ptr(), on)
    component = Component.from_file(Engine(config), source)
    partial = Path(f"{machine_code}.{os.getpid()}.partial")
    partial.write_bytes(component.serialize())
    partial.rename(machine_code)
