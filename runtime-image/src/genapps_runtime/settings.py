# SPDX-License-Identifier: Apache-2.0
"""Where this process finds its files and ports.

The defaults are the paths of the pod; tests set others by the environment. What the operator decides of an app is in
the RuntimeConfig and not here. The CPU limit is the pod's own: it changes without the app's settings.
"""

from collections.abc import Mapping

PREFIX = "GENAPPS_RUNTIME_"


class Settings:
    """Read once, before the worker starts. It is not a dataclass: that module costs 1.5 MiB in the supervisor."""

    config_file: str = "/etc/genapps/config/runtime.json"
    code_directory: str = "/etc/genapps/code"
    gateway_ca_file: str = "/etc/genapps/gateway/ca.crt"
    token_file: str = "/var/run/secrets/genapps/token"  # noqa: S105  a path
    state_directory: str = "/var/lib/genapps"
    engine_directory: str = "/opt/genapps/engines"
    engine_file: str = ""
    """The engine in place of the one for the app's language in `engine_directory`."""
    machine_code_directory: str = "/tmp/machine-code"  # noqa: S108  a volume of the pod's own
    compile_cpu_seconds: int = 20
    compile_seconds: float = 90.0
    """Of the clock: less than the operator waits for a pod to be ready."""
    termination_file: str = "/dev/termination-log"
    address: str = ""  # every address of the pod; the NetworkPolicy decides who gets here
    app_port: int = 8080
    app_socket: int = -1
    """The number of a listening socket that was inherited, for callers in place of the port; -1: none was."""
    health_port: int = 9090
    state_socket: str = "genapps-state"
    """The name of the socket for `genapps-runtime state`: no file, see `local_socket`."""
    gateway_address: str = ""
    """Where to connect in place of the gateway's name; the name is still what its certificate must carry."""
    gateway_port: int = 0
    canary_port: int = 0
    cpu_millicores: int = 1000
    """This container's CPU limit, as the kubelet fills it in."""
    fence_interval_seconds: float = 60.0
    fence_patience_seconds: float = 10.0
    fence_failing_seconds: float = 10.0
    """For how long probes must fail before a fence that was proven counts as unproven."""
    fence_proof_seconds: float = 75.0
    """How old a proof of the fence may be on which guest code runs; more than the interval and a probe take."""

    def __init__(self, **given: str | float) -> None:
        for name, value in given.items():
            setattr(self, name, value)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Settings":
        """Settings from variables such as GENAPPS_RUNTIME_APP_PORT. Raises ValueError for a bad number."""
        given: dict[str, str | float] = {}
        for name, kind in cls.__annotations__.items():
            text = environ.get(PREFIX + name.upper())
            if text is not None:
                given[name] = kind(text)
        return cls(**given)
