# SPDX-License-Identifier: Apache-2.0
"""Builds programs from Go modules, once, into the cache: those of the node, and others that name their modules.

A module's programs live in a directory named by the digest of all that goes into them, each moved into place when it is
complete: an interrupted build goes on where it stopped.
"""

import hashlib
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.alone import alone
from tools.node.prerequisites import c_compiler, go_command
from tools.node.settings import HERE, NodeError

KUBERNETES_VERSION = "v1.37.2"
VERSION_PACKAGE = "k8s.io/component-base/version"
STRIPPED = "-s -w"
VERSIONED = (
    f"{STRIPPED} -X {VERSION_PACKAGE}.gitVersion={KUBERNETES_VERSION} -X {VERSION_PACKAGE}.gitMajor=1"
    f" -X {VERSION_PACKAGE}.gitMinor=37 -X {VERSION_PACKAGE}.gitTreeState=clean"
)
CONTAINERD = "github.com/containerd/containerd/v2/cmd"


@dataclass(frozen=True)
class Program:
    """One binary: its main package and how long it usually takes on two cores, after the ones before it."""

    name: str
    package: str
    seconds: int


@dataclass(frozen=True)
class Module:
    """A Go module of ours and what is built in it."""

    directory: Path
    programs: tuple[Program, ...]
    linker_flags: str = STRIPPED
    tags: str = ""
    cgo: bool = False
    digest: str = field(init=False, default="")

    def __post_init__(self) -> None:
        digest = hashlib.sha256(f"{self.linker_flags} {self.tags} {self.cgo}".encode())
        for file in sorted(self.directory.rglob("*")):
            if file.is_file():
                digest.update(f"\n{file.relative_to(self.directory)}\n".encode() + file.read_bytes())
        object.__setattr__(self, "digest", digest.hexdigest()[:16])


MODULES = (
    Module(
        HERE / "tools",
        (
            Program("pause", "./pause", 4),
            Program("netcheck", "./netcheck", 8),
            Program("genapps-policy", "./genapps-policy", 2),
        ),
    ),
    Module(HERE / "modules/etcd", (Program("etcd", "go.etcd.io/etcd/server/v3", 61),)),
    Module(
        HERE / "modules/kubernetes",
        (
            Program("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver", 337),
            Program("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager", 138),
            Program("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler", 12),
            Program("kubectl", "k8s.io/kubernetes/cmd/kubectl", 24),
            Program("kubelet", "k8s.io/kubernetes/cmd/kubelet", 25),
            Program("kube-proxy", "k8s.io/kubernetes/cmd/kube-proxy", 13),
        ),
        linker_flags=VERSIONED,
    ),
    Module(
        HERE / "modules/containerd",
        (
            Program("containerd", f"{CONTAINERD}/containerd", 85),
            Program("containerd-shim-runc-v2", f"{CONTAINERD}/containerd-shim-runc-v2", 3),
            Program("ctr", f"{CONTAINERD}/ctr", 7),
        ),
    ),
    Module(HERE / "modules/runc", (Program("runc", "github.com/opencontainers/runc", 19),), tags="seccomp", cgo=True),
    Module(HERE / "modules/coredns", (Program("coredns", ".", 80),)),
)


def binary(name: str, cache: Path, modules: Sequence[Module] = MODULES) -> Path:
    """Where a program is, built or not."""
    for module in modules:
        if any(program.name == name for program in module.programs):
            return cache / "bin" / module.digest / name
    raise KeyError(name)


def build(cache: Path, only: frozenset[str] | None = None, modules: Sequence[Module] = MODULES) -> None:
    """Build what is missing, of all or `only` the named ones. Raises NodeError with the compiler's last lines."""
    wanted = [
        (module, program) for module in modules for program in module.programs if only is None or program.name in only
    ]
    if all(binary(program.name, cache, modules).exists() for _, program in wanted):
        return
    with alone(cache / "bin" / ".lock", "another build is running; waiting for it"):
        missing = [(module, program) for module, program in wanted if not binary(program.name, cache, modules).exists()]
        # A missing Go or C compiler is installed, or complained of, before the first line of progress.
        go_command(cache)
        if any(module.cgo for module, _ in missing):
            c_compiler()
        total = sum(program.seconds for _, program in missing)
        print(f"building {len(missing)} programs from Go modules, usually {_spoken(total)} on two cores", flush=True)
        for number, (module, program) in enumerate(missing, 1):
            print(
                f"  [{number}/{len(missing)}] {program.name}, usually {_spoken(program.seconds)} ...",
                end="",
                flush=True,
            )
            print(f" {_compile(module, program, binary(program.name, cache, modules), cache):.0f} s", flush=True)


def _compile(module: Module, program: Program, target: Path, cache: Path) -> float:
    begin = time.monotonic()
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{program.name}.unfinished")
    environment: Mapping[str, str] = {
        **os.environ,
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "",
        "GOWORK": "off",
        "CGO_ENABLED": "1" if module.cgo else "0",
    }
    flags = ["-buildvcs=false", "-trimpath", "-ldflags", module.linker_flags, "-tags", module.tags]
    done = subprocess.run(
        [go_command(cache), "build", *flags, "-o", str(unfinished), program.package],
        cwd=module.directory,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NodeError(f"building {program.name} failed:\n" + "\n".join(done.stderr.splitlines()[-20:]))
    unfinished.rename(target)
    return time.monotonic() - begin


def _spoken(seconds: int) -> str:
    return f"{seconds} s" if seconds < 100 else f"{round(seconds / 60)} min"
