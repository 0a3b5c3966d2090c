"""`python -m tests.images`: build both images, write `build/images.json`, load them into the local node if it is up.

With IMAGES=<registry/prefix> nothing is built: it prints the commands that build the same Dockerfiles with docker (or
podman, buildah) on the public Python image and push them, and writes those references for the demo.
"""

import fcntl
import json
import os
import sys

from tests import node
from tests.images import engines, inputs
from tests.images.build import GENAPPS, RUNTIME, archive
from tests.images.places import REPOSITORY, RESULT, cache
from tests.images.prerequisites import install_missing
from tests.images.steps import BuildError, fail, run, step

PUBLIC_BASE = "python:3.13-slim-trixie"


def build() -> dict[str, str]:
    """Build and load; return the references as written to `build/images.json`: {"genapps": ..., "runtime": ...}."""
    install_missing()
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        engines.stage()
        genapps, genapps_archive = archive(GENAPPS)
        runtime, runtime_archive = archive(RUNTIME)
        references = {"genapps": genapps, "runtime": runtime}
        _write(references)
        if node.node_is_up():
            with step("load the images into the node", "6 s, nothing when they are there"):
                archives = [str(genapps_archive), str(runtime_archive)]
                run("load", [sys.executable, "-m", "tests.node", "load", *archives], cwd=REPOSITORY)
    return references


def remote(prefix: str) -> dict[str, str]:
    """The references of images that the user builds and pushes himself, and the commands for that on the terminal."""
    engines.stage()
    references: dict[str, str] = {}
    print("Build and push the images with (docker, podman or buildah):\n")
    for key, image in (("genapps", GENAPPS), ("runtime", RUNTIME)):
        tag = inputs.digest(REPOSITORY, image.dockerfile, PUBLIC_BASE)
        references[key] = f"{prefix.rstrip('/')}/{image.name}:{tag}"
        dockerfile = image.dockerfile.relative_to(REPOSITORY)
        print(f"  docker build -f {dockerfile} -t {references[key]} . && docker push {references[key]}")
    _write(references)
    return references


def _write(references: dict[str, str]) -> None:
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(references, indent=2) + "\n", encoding="utf-8")


def main() -> int:
    """Return the exit code."""
    prefix = os.environ.get("IMAGES")
    try:
        references = remote(prefix) if prefix else build()
    except (BuildError, OSError) as error:
        return fail(str(error))
    for reference in references.values():
        print(f"  {reference}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
