# SPDX-License-Identifier: Apache-2.0
"""The language engines of apps, as WebAssembly components: `<language>.wasm` in this folder, once it is built."""
