# SPDX-License-Identifier: Apache-2.0
"""`python -m tools.release`: all parts of a release, in `build/release/`; nothing is published or tagged.

Beside `build/` only the build caches are written.
"""

import argparse
import shutil
import sys

from tools.images.steps import BuildError
from tools.release import artifacts, versions

TARGET = artifacts.ROOT / "build" / "release"


def main() -> int:
    """Exit status 1 when the tree cannot be released, or a build fails."""
    parser = argparse.ArgumentParser(prog="python -m tools.release", description=__doc__)
    parser.add_argument("--skip-images", action="store_true", help="build no images (they need root and buildah)")
    parser.add_argument("--final", action="store_true", help="fail while CHANGELOG.md does not tell of the version")
    arguments = parser.parse_args()
    waiting = len(versions.fragments(artifacts.ROOT))
    if problems := versions.faults(artifacts.ROOT, final=arguments.final):
        print("\n".join(problems), file=sys.stderr)
        return 1
    version = versions.declared(artifacts.ROOT)[versions.PROJECTS[0]]
    try:
        _make(version, with_images=not arguments.skip_images)
    except (BuildError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    for path in artifacts.checksums(TARGET):
        print(f"  {path.stat().st_size:>12,} {path.relative_to(artifacts.ROOT)}")
    if waiting:
        print(f"Dry run of {version}: {waiting} changelog fragments are not collected yet.")
    if arguments.skip_images:
        print("The images were skipped.")
    return 0


def _make(version: str, *, with_images: bool) -> None:
    shutil.rmtree(TARGET, ignore_errors=True)
    TARGET.mkdir(parents=True)
    artifacts.wheels(TARGET)
    artifacts.chart(TARGET)
    artifacts.bills(TARGET, version)
    artifacts.notes(TARGET, version)
    if with_images:
        artifacts.oci_archives(TARGET, version)


if __name__ == "__main__":
    sys.exit(main())
