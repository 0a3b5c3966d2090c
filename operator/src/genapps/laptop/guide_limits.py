# SPDX-License-Identifier: Apache-2.0
"""The limits that authors meet. Those of the runtime are written here again: tests/contract holds them to its own."""

from __future__ import annotations

from collections.abc import Iterator

from genapps.api import quantities
from genapps.api.apprecord import ResolvedTier
from genapps.api.bundles import BUNDLE_BYTES, BUNDLE_FILES, FILE_BYTES
from genapps.api.generatedapp import WorkloadClass
from genapps.api.source import INLINE_BYTES
from genapps.core.runtime_config import BODY_BYTES, LOAD_MILLIS, LOG_BYTES

KEY_BYTES = 512
VALUE_BYTES = 256 * 1024
LISTED = 1000
UPLOAD_BYTES = 256 * 1024 * 1024
HEADERS = 64
HEADER_BYTES = 16 * 1024
TMP_BYTES = 4 * 1024 * 1024
TMP_FILES = 256
LOG_RECORDS = 200
FORM_FIELDS = 1000

_KIB, _MIB = 1024, 1024 * 1024


def rows(tier: ResolvedTier) -> Iterator[tuple[str, str]]:
    """What is limited, and how far."""
    times = ", ".join(f"{workload} {workload.action_seconds} s" for workload in WorkloadClass)
    yield "time of a request, waiting included", times
    yield "CPU time of a request", f"{tier.cpu_millis_per_action} ms"
    yield "time to load the code", f"{LOAD_MILLIS // 1000} s"
    yield "memory of an instance", tier.guest_memory
    yield "requests at the same time", str(tier.concurrency)
    yield "tool calls of a request", str(tier.tool_calls_per_action)
    yield "body of a request, body of an answer", _size(BODY_BYTES)
    yield "body that is read piece by piece", _size(UPLOAD_BYTES)
    yield "headers of an answer", f"{HEADERS}, {_size(HEADER_BYTES)}"
    yield "fields of a form", f"{FORM_FIELDS:,}"
    yield "state", _size(quantities.byte_count(tier.state.per_tenant))
    yield "key, value of state", f"{KEY_BYTES} bytes, {_size(VALUE_BYTES)} as JSON"
    yield "entries of a listing", f"{LISTED:,}"
    yield "files in /tmp, in a request", f"{TMP_FILES}, {_size(TMP_BYTES)}"
    yield "log of a request", f"{LOG_RECORDS} records, {_size(LOG_BYTES)}"
    yield (
        "code",
        f"one file {_size(INLINE_BYTES)}; {BUNDLE_FILES} files {_size(BUNDLE_BYTES)}, each {_size(FILE_BYTES)}",
    )


def _size(count: int) -> str:
    return f"{count // _MIB} MiB" if count % _MIB == 0 else f"{count // _KIB} KiB"
