# SPDX-License-Identifier: Apache-2.0
"""What callers may take from the app's HTTP server: every limit of it, in one place."""

from dataclasses import dataclass

MIB = 1024 * 1024
HELD_BYTES = 16 * MIB
"""A pod may use 96 MiB beside its guest, whatever the tier. About 35 are taken when it is idle; a body is held up to
three times (as it came, whole, and as the guest's message). So sixteen bodies of the largest size fit, and what they
take while they are read and run stays below 60."""

UPLOAD_BYTES = 256 * MIB
"""The same in each tier: what of it is held at a time does not depend on it."""
UPLOAD_SECONDS = 300.0

_LEAST_HELD_BYTES = 8 * MIB


def held_beside(size: int) -> int:
    """What callers may hold where the app's code and files take `size` bytes themselves. A held byte costs up to three,
    so half of it makes room for the rest."""
    return max(_LEAST_HELD_BYTES, HELD_BYTES - size // 2)


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Bytes, seconds and counts. `body_bytes` is the RuntimeConfig's; the others are the same for each pod."""

    body_bytes: int
    """Of one request that is whole before it begins. What is longer is sent piece by piece (`upload`)."""
    upload_bytes: int = 0
    """Of one request whose body is sent piece by piece; 0: there is none."""
    held_bytes: int = HELD_BYTES
    """Of all connections together: unfinished heads, bodies until their reply, replies that are not taken."""
    head_bytes: int = 32 * 1024
    """Target, names and values of one head, and `header_cost` for each."""
    header_cost: int = 64
    """A header costs more than its bytes, so that their number is bounded too."""
    pipelined: int = 16
    """Requests of one connection that wait for the one before them; then no more is read from it."""
    pipelined_cost: int = 1024
    """Bytes that such a request counts for beside its body."""
    connections: int = 1024
    """Beyond it the connection that is idle for longest is closed, or the new one when none is idle."""
    refused_connections: int = 128
    """New ones beyond that get an answer before they are closed; further ones get none."""
    head_seconds: float = 10.0
    """From the first byte of a head, or the beginning of a connection, to the head's end."""
    body_seconds: float = 30.0
    """From the end of the head to the end of the body; between two parts of one that is sent piece by piece."""
    upload_seconds: float = UPLOAD_SECONDS
    """From the end of the head to the end of a body that is sent piece by piece."""
    idle_seconds: float = 75.0
    """Between a reply and the next request; not less than `head_seconds`."""
    write_seconds: float = 60.0
    """Until a caller has taken a reply, but for what the kernel buffers."""
    linger_seconds: float = 2.0
    """After a refusal: how long the caller may take to read it and hang up."""
    linger_bytes: int = MIB
    """After a refusal: what is read, and dropped, of what the caller still sends."""

    @property
    def bodies_bytes(self) -> int:
        """The bound of `held_bytes`, in which one body of the largest size fits always."""
        return max(self.held_bytes, self.body_bytes + self.head_bytes)
