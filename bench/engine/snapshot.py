# SPDX-License-Identifier: Apache-2.0
"""What an operator mounts into a runtime's pod: code, RuntimeConfig and token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.engine.stub_gateway import HOST
from genapps.api.digests import INLINE_ENTRY, bundle_digest, sha256
from genapps.api.generatedapp import Language
from genapps.api.runtimeconfig import (
    Digests,
    GatewayAddress,
    RuntimeConfig,
    RuntimeLimits,
    RuntimeRetention,
    Tenancy,
    TimeBudget,
)

_MIB = 1024 * 1024
CONNECTOR = "mail"
"""What an app in JavaScript is given; others may name any."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Directories and files as in a pod, in one directory. The digests are the process' arguments."""

    folder: Path
    code_digest: str
    config_digest: str

    @property
    def config_file(self) -> Path:
        """The RuntimeConfig."""
        return self.folder / "config" / "runtime.json"

    @property
    def code(self) -> Path:
        """The directory with the app's files."""
        return self.folder / "code"

    @property
    def state(self) -> Path:
        """The directory of the app's state."""
        return self.folder / "state"

    @property
    def machine_code(self) -> Path:
        """Where a component is compiled to."""
        return self.folder / "machine-code"

    @property
    def token_file(self) -> Path:
        """The token for the gateway."""
        return self.folder / "token"

    @property
    def termination_file(self) -> Path:
        """Where the process writes why it ended."""
        return self.folder / "termination"


def snapshot(
    folder: Path,
    source: str | bytes,
    instances: int = 1,
    nap_millis: int = 0,
    public: Mapping[str, bytes] | None = None,
    responses_seconds: int = 86_400,
    tenancy: Tenancy | None = None,
    action_millis: int = 5000,
    *,
    background: bool = False,
    language: Language = Language.PYTHON,
) -> Snapshot:
    """Write a snapshot into `folder`, with the limits of the bench's tier on Kubernetes, but for its `instances`.

    `nap_millis`, `responses_seconds`, `tenancy`, `action_millis` and `background` as in the RuntimeConfig; a nap of 0:
    never.
    `public` are files that are served."""
    served = {f"public/{path}": content for path, content in (public or {}).items()}
    entry = INLINE_ENTRY[language]
    files = {entry: source.encode("utf-8") if isinstance(source, str) else source, **served}
    code_digest = bundle_digest(entry, files)
    config = _config(
        code_digest, instances, nap_millis, responses_seconds, tenancy, action_millis, background=background,
        language=language,
    ).content()  # fmt: skip
    made = Snapshot(folder, code_digest, sha256(config))
    for directory in (made.config_file.parent, made.code, made.state):
        directory.mkdir(parents=True)
    for path, content in files.items():
        (made.code / path).parent.mkdir(parents=True, exist_ok=True)
        (made.code / path).write_bytes(content)
    made.config_file.write_bytes(config)
    made.token_file.write_text("none", encoding="ascii")
    return made


def _config(
    code_digest: str,
    instances: int,
    nap_millis: int,
    responses_seconds: int,
    tenancy: Tenancy | None,
    action_millis: int,
    *,
    background: bool,
    language: Language,
) -> RuntimeConfig:
    return RuntimeConfig(
        app="bench",
        namespace="bench",
        revision=code_digest.removeprefix("sha256:")[:12],
        digests=Digests(code=code_digest, envelope=sha256(b"none")),
        language=language,
        entry=INLINE_ENTRY[language],
        connectors=(CONNECTOR,) if language is Language.JAVASCRIPT else None,
        limits=RuntimeLimits(
            guest_memory_bytes=64 * _MIB,
            instances=instances,
            request_body_bytes=_MIB,
            response_body_bytes=_MIB,
            concurrency=64,
            tool_calls_per_action=8,
            state_per_tenant_bytes=32 * _MIB,
            log_bytes_per_action=16 * 1024,
            cpu_millis_per_action=600_000,
        ),
        tenancy=tenancy,
        background=background,
        time=TimeBudget(action_millis=action_millis, load_millis=10_000, nap_millis=nap_millis),
        retention=RuntimeRetention(responses_seconds=responses_seconds),
        gateway=GatewayAddress(host=HOST),
    )
