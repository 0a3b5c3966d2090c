# SPDX-License-Identifier: Apache-2.0
"""Contracts at work: compiled tools that judge arguments before a call and results after it.

- `compiled`: `compile_tools`, `CompiledTool`.
- `checker`: one schema, compiled; yes, no, or "the check failed to run".
- `wording`: why a value fits no schema, short and without the value.
- `json_text`: bytes to a bounded JSON value, without duplicate names.
"""
