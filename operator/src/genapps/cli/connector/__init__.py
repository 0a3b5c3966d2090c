# SPDX-License-Identifier: Apache-2.0
"""`genapps connector`: from a description of a service to a Connector, and from a Connector to what apps need.

- `importing`: `import openapi` (`openapi`, `operations`, `openapi_schemas`) and `import mcp` (`mcp`).
- `reading`: a Connector from a manifest, with its faults.
- `stubs`: typed Python and TypeScript for its tools.
"""
