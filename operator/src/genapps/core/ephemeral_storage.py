# SPDX-License-Identifier: Apache-2.0
"""What an app's pod may take of its node's disk: its log, and /tmp.

The runtime bounds how fast an app logs (`LOG_BYTES_PER_SECOND`, with a burst), the kubelet how much of it is kept: it
looks at each log every `containerLogMonitorInterval`, rotates one that has grown beyond `containerLogMaxSize`, and
keeps `containerLogMaxFiles` of them. Between two looks a log grows on, and while one is compressed it is there twice.
What all that comes to has to fit into the pod's limit, or an app that logs much is evicted before its log is rotated.
Kubelets have 10Mi and 5 files by default, which come to 148Mi; some (AKS, OpenShift) have 50Mi and 5, which come to
388Mi. The rest of the limit is for a kubelet that looks later than it should, and for workers that start again with a
second's lines each.

The rate keeps the lines of about two thousand requests a second. The request is smaller than the limit, because few
apps log much: a node is not to be full of disk that nobody uses.
"""

from typing import Final

_MI: Final = 2**20

LOG_BYTES_PER_SECOND: Final = _MI
"""Of log lines that an app causes; the runtime drops more. The same as in the runtime (tests/contract)."""
LOG_BURST_BYTES: Final = 2 * _MI
"""After a quiet time, beside the rate."""
TMP_BYTES: Final = 48 * _MI
"""For the machine code of a component, of which the runtime takes 32 MiB at most, and what SQLite sorts."""
REQUEST_BYTES: Final = 64 * _MI
LIMIT_BYTES: Final = 512 * _MI


def needed(max_bytes: int, max_files: int, look_seconds: float) -> int:
    """The most bytes that a pod may come to take on a node whose kubelet rotates logs like this."""
    file = max_bytes + int(LOG_BYTES_PER_SECOND * look_seconds) + LOG_BURST_BYTES
    return (max_files + 1) * file + TMP_BYTES
