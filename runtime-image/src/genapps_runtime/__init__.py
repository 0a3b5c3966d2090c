# SPDX-License-Identifier: Apache-2.0
"""genapps_runtime: runs one generated app's actions in WebAssembly guests."""
