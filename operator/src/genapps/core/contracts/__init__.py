# SPDX-License-Identifier: Apache-2.0
"""What a connector promises, and what of it holds: pure, for the operator, the gateway and the command line.

- `contract`: the part of a Connector that apps rely on, in one canonical form with one digest.
- `faults`: what a contract may not hold, named by JSON pointer, from `tool_faults`, `paths` and `hidden_text`.
- `schemas`, `patterns`: which JSON Schemas it may hold, so that a check takes a bounded number of steps (`engine`).
- `placement`: where the arguments of an HTTP tool go: path, query, headers, body.
- `force`: what of a frozen and of the current contract an app may use.
- `changes`: what a new version changes, and whether that is wider (`narrowing`: a proof that a schema takes no more).
- `values`: the bounds of a JSON value, before anything else looks at it.
"""
