# SPDX-License-Identifier: Apache-2.0
"""Verifies the step tokens of a genapps gateway: which call of which app a request is, and that it is no other.

- `verifier`: `StepVerifier`, which a connector asks about each request.
- `keys`: the gateway's public keys, from a URL or a file.
- `replays`: which tokens were used before.
- `step`: what a token says.
- `errors`: why one is refused.
"""

from genapps_verify.errors import Fault, KeysUnavailableError, ReplayStoreFullError, StepTokenRefusedError
from genapps_verify.keys import PublicKeys, keys_from_file, keys_from_url
from genapps_verify.replays import MemoryReplays, Replays
from genapps_verify.step import Asserted, Step
from genapps_verify.verifier import HEADER, StepVerifier

__all__ = [
    "HEADER",
    "Asserted",
    "Fault",
    "KeysUnavailableError",
    "MemoryReplays",
    "PublicKeys",
    "ReplayStoreFullError",
    "Replays",
    "Step",
    "StepTokenRefusedError",
    "StepVerifier",
    "keys_from_file",
    "keys_from_url",
]
