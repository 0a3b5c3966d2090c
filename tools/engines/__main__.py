# SPDX-License-Identifier: Apache-2.0
"""Build and stage all engines."""

from tools.engines import SOURCES, precompiled, stage_all

for name in SOURCES:
    print(f"engine {name}: {precompiled(name)}")
stage_all()
