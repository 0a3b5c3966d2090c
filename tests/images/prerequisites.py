"""The programs of the host that building images needs, installed where that is possible."""

import os
import shutil
from pathlib import Path

from tests.images.steps import BuildError, run, step

PACKAGES = {"buildah": "buildah", "debootstrap": "debootstrap", "unshare": "util-linux", "tar": "tar"}


def install_missing() -> None:
    """Install what is missing with apt when root on Debian or Ubuntu; else BuildError that says what to install."""
    if os.geteuid() != 0:
        raise BuildError("building images needs root (chroot and overlay mounts): run the command again as root")
    missing = sorted({package for program, package in PACKAGES.items() if shutil.which(program) is None})
    if not Path("/usr/share/keyrings/debian-archive-keyring.gpg").exists():
        missing.append("debian-archive-keyring")
    if not missing:
        return
    if shutil.which("apt-get") is None:
        raise BuildError(f"please install these programs with your system's package tool: {', '.join(missing)}")
    with step(f"system packages: {' '.join(missing)}", "20 s"):
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        run("apt-update", ["apt-get", "update"], env=env)
        run("apt-install", ["apt-get", "install", "--yes", "--no-install-recommends", *missing], env=env)
