# SPDX-License-Identifier: Apache-2.0
"""What a connector promises, and what of it holds: pure, for the operator, the gateway and the command line.

- `contract`: the part of a Connector that apps rely on, in one canonical form with one digest.
- `faults`: what a contract may not hold, named by JSON pointer (`schemas`, `tool_faults`, `paths`, `hidden_text`).
- `placement`: where the arguments of an HTTP tool go: path, query, headers, body.
- `values`: the bounds of a JSON value, before anything else looks at it.
"""
