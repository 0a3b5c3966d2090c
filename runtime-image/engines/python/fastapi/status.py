# SPDX-License-Identifier: Apache-2.0
"""The names of statuses: `status.HTTP_404_NOT_FOUND` is 404."""

import re


def __getattr__(name: str) -> int:
    found = re.fullmatch(r"HTTP_([1-5]\d\d)_[A-Z_]+", name)
    if found is None:
        raise AttributeError(f"fastapi.status has no {name!r}")
    return int(found[1])
