# SPDX-License-Identifier: Apache-2.0
"""The programs of the host that building images needs, installed where that is possible."""

import os
import shutil
from pathlib import Path

from tools.images.steps import BuildError, run, step

PACKAGES = {"buildah": "buildah", "debootstrap": "debootstrap", "unshare": "util-linux", "tar": "tar"}
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def missing(path: str, keyring: Path = KEYRING) -> list[str]:
    """The Debian packages whose programs are not on this search path."""
    found = {package for program, package in PACKAGES.items() if shutil.which(program, path=path) is None}
    return sorted(found if keyring.exists() else {*found, "debian-archive-keyring"})


def install_missing() -> None:
    """Install what is missing with apt when root on Debian or Ubuntu; else BuildError that says what to install."""
    path = os.environ.get("PATH", os.defpath)
    if os.geteuid() != 0:
        raise BuildError("building images needs root (chroot and overlay mounts): run the command again as root")
    packages = missing(path)
    if not packages:
        return
    if shutil.which("apt-get", path=path) is None:
        raise BuildError(f"please install with your system's package tool: {', '.join(packages)}")
    with step(f"system packages: {' '.join(packages)}", "20 s"):
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        run("apt-update", ["apt-get", "update"], env=env)
        run("apt-install", ["apt-get", "install", "--yes", "--no-install-recommends", *packages], env=env)
    if packages := missing(path):
        raise BuildError(
            f"apt-get installed everything, yet programs of these are not on the PATH: {', '.join(packages)}"
        )
