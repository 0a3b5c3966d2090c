# SPDX-License-Identifier: Apache-2.0
"""Which of a file's encodings a caller gets."""

from collections.abc import Collection
from functools import lru_cache

ENDS = {".br": "br", ".gz": "gzip"}
"""The end of a file that is another one, encoded; the best first."""
_LONGEST = 256


def chosen(accepted: bytes, there: Collection[str]) -> str | None:
    """The best of the encodings that are there and accepted; None for the file as it is, which everybody accepts."""
    if len(accepted) > _LONGEST:
        return None
    weights = _weights(accepted)
    best, weight = None, 0.0
    for encoding in ENDS.values():
        found = weights.get(encoding, weights.get("*", 0.0))
        if encoding in there and found > weight:
            best, weight = encoding, found
    return best if weight >= weights.get("identity", 0.0) else None


@lru_cache(64)
def _weights(accepted: bytes) -> dict[str, float]:
    """By encoding how much a caller wants it: 1 where they do not say, 0 for not at all."""
    weights: dict[str, float] = {}
    for part in accepted.decode("latin-1").lower().split(","):
        name, _, parameters = part.partition(";")
        weights[name.strip()] = _weight(parameters)
    return weights


def _weight(parameters: str) -> float:
    name, _, value = parameters.partition("=")
    if name.strip() != "q":
        return 1.0
    value = value.strip()
    plain = len(value) <= 5 and value.isascii() and value.replace(".", "", 1).isdigit()
    return min(1.0, float(value)) if plain else 0.0
