# SPDX-License-Identifier: Apache-2.0
"""Apps that are a WebAssembly component themselves: how one is compiled, checked and run."""
