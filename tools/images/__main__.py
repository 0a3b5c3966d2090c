# SPDX-License-Identifier: Apache-2.0
"""`python -m tools.images`: build both images, write `build/images.json`, load them into the local node if it is up.

With IMAGES=<registry/prefix> nothing is built: it prints the commands that build the same Dockerfiles with docker (or
podman, buildah) on the public Python image and push them, and writes those references for the demo.
"""

import json
import os
import sys

from tools import engines, node
from tools.images import inputs
from tools.images.build import GENAPPS, RUNTIME, archive, building
from tools.images.places import REPOSITORY, RESULT
from tools.images.steps import BuildError, fail, run, step

PUBLIC_BASE = "python:3.13-slim-trixie"


def build() -> dict[str, str]:
    """Build and load; return the references as written to `build/images.json`: {"genapps": ..., "runtime": ...}."""
    with building():
        genapps, genapps_archive = archive(GENAPPS)
        runtime, runtime_archive = archive(RUNTIME)
        references = {"genapps": genapps, "runtime": runtime}
        _write(references)
        if node.node_is_up():
            with step("load the images into the node", "6 s, nothing when they are there"):
                archives = [str(genapps_archive), str(runtime_archive)]
                run("load", [sys.executable, "-m", "tools.node", "load", *archives], cwd=REPOSITORY)
    return references


def pushed(prefix: str) -> dict[str, str]:
    """The references of the images that users build on the public base and push to their own registry."""
    engines.stage_all()
    references = {
        key: f"{prefix.rstrip('/')}/{image.name}:{inputs.digest(REPOSITORY, image.dockerfile, PUBLIC_BASE)}"
        for key, image in (("genapps", GENAPPS), ("runtime", RUNTIME))
    }
    _write(references)
    return references


def _write(references: dict[str, str]) -> None:
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(references, indent=2) + "\n", encoding="utf-8")


def main() -> int:
    """Return the exit code."""
    prefix = os.environ.get("IMAGES")
    try:
        references = pushed(prefix) if prefix else build()
    except (BuildError, OSError) as error:
        return fail(str(error))
    if not prefix:
        print("\n".join(f"  {reference}" for reference in references.values()))
        return 0
    print("Build and push the images with docker, podman or buildah:")
    for image, reference in zip((GENAPPS, RUNTIME), references.values(), strict=True):
        dockerfile = image.dockerfile.relative_to(REPOSITORY)
        print(f"  docker build -f {dockerfile} -t {reference} . && docker push {reference}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
