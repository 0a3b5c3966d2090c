# SPDX-License-Identifier: Apache-2.0
"""Proof for a connector of what one call is: a signed token for each attempt, in the form of IETF Transaction Tokens.

- `keys`: the keys that sign, when each of them does, and how they are published. Pure.
- `store`: where they are kept, the same for all gateways, and where verifiers find their public halves.
- `minting`: the token of one attempt.
- `published`: the port that answers with the public keys.
"""
