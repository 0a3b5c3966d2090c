# SPDX-License-Identifier: Apache-2.0
"""`genapps connector`: from a description of a service to a Connector, and from a Connector to what apps need.

- `importing`: from a description (`openapi` with its `arguments`, `mcp`, `schema_import`) to a manifest.
- `reading`: a Connector from a manifest, or its first fault.
- `stubs`: Python and TypeScript for its tools (`types`: schemas as types).
- `group` has the subcommands as the command line knows them, `command` runs them.
"""
