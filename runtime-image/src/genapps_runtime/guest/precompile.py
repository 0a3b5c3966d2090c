# SPDX-License-Identifier: Apache-2.0
"""How guest code is compiled: once, in the image build (or by the tests), for every node of its architecture."""

import os
import platform
from pathlib import Path

from wasmtime import Config, Engine
from wasmtime.component import Component


def engine_config() -> Config:
    """The configuration for compiling and for running; wasmtime refuses code that was compiled with another one.

    Epochs are on, every feature that we do not need is off. Code is for the baseline CPU, so an image runs on any
    node of its architecture.
    """
    config = Config()
    config.epoch_interruption = True
    config.target = f"{platform.machine()}-unknown-linux-gnu"
    config.wasm_threads = False
    config.wasm_memory64 = False
    config.wasm_relaxed_simd = False
    config.wasm_tail_call = False
    config.wasm_function_references = False
    config.wasm_gc = False
    config.wasm_stack_switching = False
    config.wasm_custom_page_sizes = False
    config.wasm_wide_arithmetic = False
    config.wasm_exceptions = False
    return config


def precompile(source: str, target: str) -> None:
    """Compile the component `source` to the machine code file `target` for `Language`.

    The file is written beside its place and renamed, so it is complete or absent.
    """
    component = Component.from_file(Engine(engine_config()), source)
    partial = Path(f"{target}.{os.getpid()}.partial")
    partial.write_bytes(component.serialize())
    partial.rename(target)
