# SPDX-License-Identifier: Apache-2.0
"""Builds the two real Dockerfiles on the base with buildah and packs each as an OCI archive.

Dependencies are a layer of their own in the Dockerfiles and layers are cached, so that a change of code alone takes
seconds. An image whose archive is in the cache is not built at all.
"""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools import engines
from tools.alone import alone
from tools.images import base, inputs
from tools.images.places import REPOSITORY, cache
from tools.images.prerequisites import install_missing
from tools.images.steps import run, step

KEPT_ARCHIVES = 8
# Settings of the host's pip that a build needs as well where packages come from a mirror or through a proxy.
PIP_SETTINGS = {"index-url", "extra-index-url", "cert", "trusted-host", "proxy", "timeout", "retries"}


@dataclass(frozen=True, slots=True)
class Image:
    """One Dockerfile of the project."""

    name: str
    dockerfile: Path
    usual: str


GENAPPS = Image("genapps", REPOSITORY / "operator" / "Dockerfile", "20 s, after a change of code 6 s")
RUNTIME = Image("genapps-runtime", REPOSITORY / "runtime-image" / "Dockerfile", "60 s, after a change of code 8 s")


@contextmanager
def building() -> Iterator[None]:
    """Around every use of `archive`: the tools are there, the engines are staged, and no other build runs meanwhile."""
    install_missing()
    with alone(cache() / "lock", "  another image build runs: waiting for it"):
        engines.stage_all()
        yield


def archive(image: Image) -> tuple[str, Path]:
    """The image's reference and its OCI archive; built when the cache has none for these inputs."""
    tag = inputs.digest(REPOSITORY, image.dockerfile, base.key())
    reference = f"localhost/{image.name}:{tag}"
    made = cache() / f"{image.name}-{tag}.tar"
    if not made.exists():
        parent = _base_image()
        with step(f"image {reference}", image.usual):
            _build(image, reference, parent)
            partial = made.with_suffix(".partial")
            partial.unlink(missing_ok=True)
            run(
                "push",
                [*_buildah(), "push", "--compression-format", "zstd", reference, f"oci-archive:{partial}:{reference}"],
            )
            partial.rename(made)
        _forget_old(image)
    return reference, made


def _buildah() -> list[str | Path]:
    # Storage of its own: nothing of the host's other images is seen or touched.
    return ["buildah", "--root", cache() / "storage", "--runroot", cache() / "run"]


def _base_image() -> str:
    name = f"localhost/genapps-base:{base.key()}"
    root = base.archive()
    known = subprocess.run([*_buildah(), "inspect", "--type", "image", name], capture_output=True, check=False)
    if known.returncode:
        with tempfile.TemporaryDirectory(dir=cache()) as context, step("base image: import", "8 s"):
            folder = Path(context)
            (folder / "base.tar").hardlink_to(root)
            (folder / "Dockerfile").write_text("FROM scratch\nADD base.tar /\n", encoding="utf-8")
            run("base-image", [*_buildah(), "bud", "--isolation", "chroot", "--tag", name, folder])
    return name


def _build(image: Image, reference: str, parent: str) -> None:
    downloads = cache() / "pip"
    downloads.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", suffix=".conf", dir=cache(), encoding="utf-8") as pip:
        pip.write(_pip_settings())
        pip.flush()
        Path(pip.name).chmod(0o644)
        mounts = [f"{pip.name}:/etc/pip.conf:ro", f"{downloads}:/root/.cache/pip"]
        if Path("/etc/ssl/certs").is_dir():
            mounts.append("/etc/ssl/certs:/etc/ssl/certs:ro")
        run(
            image.name,
            [
                *_buildah(),
                *("bud", "--layers", "--isolation", "chroot", "--network", "host", "--format", "oci"),
                *(part for mount in mounts for part in ("--volume", mount)),
                *("--build-arg", f"BASE={parent}", "--file", image.dockerfile, "--tag", reference, REPOSITORY),
            ],
        )


def _pip_settings() -> str:
    """The host's pip configuration, from files and environment, as one file for the build."""
    listed = subprocess.run(
        [REPOSITORY / ".venv/bin/python", "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    settings: dict[str, str] = {}
    for line in sorted(listed.stdout.splitlines(), key=lambda line: line.startswith(":env:")):
        setting, _, value = line.partition("=")
        name = setting.rpartition(".")[2].replace("_", "-")
        if name in PIP_SETTINGS:
            settings[name] = value.strip().strip("'")
    return "\n".join(["[global]", *(f"{name} = {value}" for name, value in settings.items()), ""])


def _forget_old(image: Image) -> None:
    """Keep the newest archives of an image; remove the rest, and their tags, from the cache."""
    archives = [path for path in cache().glob(f"{image.name}-*.tar") if _tag(image, path)]
    for path in sorted(archives, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT_ARCHIVES:]:
        path.unlink()
        reference = f"localhost/{image.name}:{_tag(image, path)}"
        subprocess.run([*_buildah(), "rmi", reference], capture_output=True, check=False)


def _tag(image: Image, path: Path) -> str:
    tag = path.stem.removeprefix(f"{image.name}-")
    return tag if len(tag) == inputs.TAG_LENGTH and "-" not in tag else ""
