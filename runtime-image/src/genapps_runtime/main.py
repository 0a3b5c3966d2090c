# SPDX-License-Identifier: Apache-2.0
"""The command.

`genapps-runtime --config-digest sha256:... --code-digest sha256:...` is the process of an app's pod.
`genapps-runtime precompile SOURCE TARGET` is for the image build. `genapps-runtime state ...` is run in the pod by
`genapps state` (see `state_command`). `genapps-runtime standby` is started by `genapps dev`, and is told the digests
and the settings later. The module imports only what the supervisor needs, because the supervisor stays in memory.
"""

import gc
import os
import sys
from collections.abc import Callable, Mapping, Sequence

from genapps_runtime.heartbeat import Heartbeat
from genapps_runtime.listening import Ports
from genapps_runtime.settings import Settings
from genapps_runtime.termination import EXIT_REFUSED, Reason, RefusedError, write_termination

RESTORE = "--restore-state"
DEBUG = "--debug"
FRESH = "--fresh-instances"
USAGE = """usage: genapps-runtime --config-digest DIGEST --code-digest DIGEST
                       [--debug] [--fresh-instances] [--restore-state]
       genapps-runtime standby (and then one line that names the above)
       genapps-runtime state OPERATION NAMESPACE APP TENANT BY
       genapps-runtime precompile SOURCE.wasm TARGET.cwasm"""
_PREFIX = "sha256:"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (by default those of the process). Returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if len(given) == 3 and given[0] == "precompile":
        from genapps_runtime.guest.precompile import precompile

        precompile(given[1], given[2])
        return 0
    environ: Mapping[str, str] = os.environ
    try:
        if given == ["standby"]:
            from genapps_runtime.standby import told_to_this_process

            given, environ = told_to_this_process()
            if not given:
                return 0
        settings = Settings.from_environ(environ)
        if given[:1] == ["state"] and len(given) == 6:
            from genapps_runtime.state_command import ask_worker

            return ask_worker(settings, given[1:])
        digests, flags = _digests(given[:4]), _flags(given[4:])
    except ValueError as error:
        print(f"{error}\n{USAGE}", file=sys.stderr)  # noqa: T201  a command's answer
        return 2
    return _run(settings, *digests, flags)


def _digests(given: list[str]) -> tuple[str, str]:
    found = dict(zip(given[::2], given[1::2], strict=False))
    if len(given) != 4 or set(found) != {"--config-digest", "--code-digest"}:
        raise ValueError("two options are required")
    for name, digest in found.items():
        digits = digest.removeprefix(_PREFIX)
        if digits == digest or len(digits) != 64 or set(digits) - set("0123456789abcdef"):
            raise ValueError(f"{name}: must be sha256: and 64 hexadecimal digits")
    return found["--config-digest"], found["--code-digest"]


def _flags(given: list[str]) -> set[str]:
    flags = set(given)
    if len(flags) != len(given) or flags - {RESTORE, DEBUG, FRESH}:
        raise ValueError(f"after the digests come {DEBUG}, {FRESH} and {RESTORE}, each at most once")
    return flags


def _run(settings: Settings, config_digest: str, code_digest: str, flags: set[str]) -> int:
    from genapps_runtime.supervisor.supervisor import Supervisor

    # What children import comes after the fork: the supervisor never imports the heavy part.

    def work(heartbeat: Heartbeat, ports: Ports) -> int:
        gc.disable()  # until everything is imported, see `worker`
        from genapps_runtime.worker import run_worker

        digests = config_digest, code_digest
        return _told(
            settings,
            lambda: run_worker(
                settings,
                *digests,
                heartbeat,
                ports,
                restore_state=RESTORE in flags,
                fresh_instances=FRESH in flags,
                debug=DEBUG in flags,
            ),
        )

    def prove(heartbeat: Heartbeat) -> int:
        gc.disable()  # it ends before there is anything to collect
        from genapps_runtime.prover import run_prover

        return _told(settings, lambda: run_prover(settings, config_digest, heartbeat))

    try:
        supervisor = Supervisor(settings, work, prove)
    except OSError as error:
        write_termination(settings.termination_file, RefusedError(Reason.CONFIG_INVALID, f"cannot listen: {error}"))
        return EXIT_REFUSED
    return supervisor.run()  # a node without a process to spare says nothing about the config


def _told(settings: Settings, run: Callable[[], int]) -> int:
    """The exit code of a child. What it refuses is in the log and in the termination message."""
    try:
        return run()
    except RefusedError as refused:
        from genapps_runtime import logs

        logs.write("refused", level="error", reason=refused.reason.value, message=refused.message)
        write_termination(settings.termination_file, refused)
        return EXIT_REFUSED


if __name__ == "__main__":
    sys.exit(main())
