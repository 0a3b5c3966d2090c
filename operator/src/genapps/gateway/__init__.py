# SPDX-License-Identifier: Apache-2.0
"""The gateway: every tool call of every app leaves through it. It knows callers by their projected tokens and the
operator's AppRecords, decides, counts violations in Ledgers (their only writer) and holds the credentials.

From the socket inwards: `main` -> `listeners` -> `protocol` (limits of a connection) -> `app` (routes) -> `callers`
(whose token, which app) -> `decision` (may it, by the `catalogue`) -> `calls`: `limits` (is there room) ->
`connectors` (what is sent) -> `credentials`, `step_tokens` -> `egress`; and `ledgers` count what was refused."""
