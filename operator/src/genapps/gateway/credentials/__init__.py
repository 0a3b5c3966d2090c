# SPDX-License-Identifier: Apache-2.0
"""What proves the platform to a connector: Secrets that only the gateway reads, each for one connector and its hosts.

- `secrets`: the watched Secrets, and what binds one to a connector.
- `attach`: puts a credential on a request, and recognises it in an answer.
- `oauth`: tokens that a client's secret buys.
"""
