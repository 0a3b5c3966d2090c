# SPDX-License-Identifier: Apache-2.0
"""wasmtime's configuration as an object of its C API: for what compiles and for what runs, because they must agree."""

from genapps_runtime.guest import c_api
from genapps_runtime.guest.precompile import SWITCHES, target


def configuration() -> c_api.ConfigPtr:
    """A new one, which the engine that is made with it takes."""
    config: c_api.ConfigPtr = c_api.config_new()
    c_api.check(c_api.config_target_set(config, target().encode()))
    for name, on in SWITCHES.items():
        c_api.config_switch(name)(config, on)
    return config
