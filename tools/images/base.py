# SPDX-License-Identifier: Apache-2.0
"""The base image: Debian with Python by debootstrap, which needs a Debian mirror and no registry."""

import hashlib
import os
import shutil
from pathlib import Path

from tools.images.places import cache
from tools.images.steps import run, step

SUITE = "trixie"
PACKAGES = ("python3", "python3-venv", "ca-certificates")
# What no container reads; without it the base is 121 MB in place of 269.
LEFT_OUT = (
    "./var/cache/apt/*",
    "./var/lib/apt/lists/*",
    "./var/log/*",
    "./usr/share/doc/*",
    "./usr/share/man/*",
    "./usr/share/locale/*",
    "./dev/*",
    "./proc/*",
    "./sys/*",
)


def key() -> str:
    """A name for the base by everything that decides its content, except the day on which it was made."""
    return hashlib.sha256("\n".join((SUITE, *PACKAGES, *LEFT_OUT)).encode()).hexdigest()[:12]


def archive() -> Path:
    """The root file system as a tar file in the cache, made if it is not there."""
    made = cache() / f"base-{SUITE}-{key()}.tar"
    if made.exists():
        return made
    root = cache() / "base.partial"
    shutil.rmtree(root, ignore_errors=True)
    root.parent.mkdir(parents=True, exist_ok=True)
    mirror = os.environ.get("GENAPPS_DEBIAN_MIRROR")
    with step(f"base image: Debian {SUITE} with Python", "70 s"):
        # In a mount namespace of its own, so that an interrupted run leaves no /proc mounted in the cache.
        bootstrap = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, str(root)]
        run("debootstrap", ["unshare", "--mount", "--", *bootstrap, *([mirror] if mirror else [])])
        partial = made.with_suffix(".partial")
        exclude = [f"--exclude={pattern}" for pattern in LEFT_OUT]
        run("base-tar", ["tar", "-C", root, *exclude, "--numeric-owner", "-cf", partial, "."])
        partial.rename(made)
    shutil.rmtree(root, ignore_errors=True)
    return made
