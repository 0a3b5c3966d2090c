# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.oracles.web_platform CHECKOUT [FOLDER…]`: how many subtests pass, and which fail unexpectedly.

CHECKOUT is a folder with the web platform tests, or with those of another project that has a copy of some. FOLDER is a
folder or file in it; without one all of `expected.yaml` are run that are there. Exits with 1 when a subtest fails
without a reason in `expected.yaml`.
"""

import re
import sys
from collections import Counter
from pathlib import Path

import yaml

from genapps_runtime.guest.engine import Language
from tests.oracles.web_platform.checkout import files, run
from tools.engines import precompiled

EXPECTED = Path(__file__).with_name("expected.yaml")


def _any_of(groups: list[dict[str, list[str]]], key: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for group in groups for pattern in group[key]), re.DOTALL)


def main(checkout: Path, folders: list[str]) -> int:
    expected = yaml.safe_load(EXPECTED.read_text())
    left_out, fail = _any_of(expected["left_out"], "files"), _any_of(expected["fail"], "tests")
    language = Language(str(precompiled("javascript")))
    totals: dict[str, Counter[str]] = {}
    unexpected: list[str] = []
    for folder in folders or [one for one in expected["folders"] if (checkout / one).exists()]:
        for file in files(checkout, folder):
            if left_out.search(file):
                continue
            counts = totals.setdefault("/".join(file.split("/")[:-1][:2]), Counter())
            for outcome in run(language, checkout, file):
                line = f"{outcome.test} | {outcome.message}"
                counts["all"] += 1
                if outcome.passed:
                    counts["passed"] += 1
                elif not fail.search(line):
                    unexpected.append(" ".join(line.split()))
    for line in unexpected:
        print(line[:400])
    for name, counts in totals.items():
        print(f"{counts['passed']:6} of {counts['all']:6}  {name}")
    both = sum(totals.values(), Counter())
    print(f"{both['passed']:6} of {both['all']:6}  in all; {len(unexpected)} failed unexpectedly")
    return 1 if unexpected else 0


if __name__ == "__main__":
    if len(sys.argv) < 2 or not Path(sys.argv[1]).is_dir():
        sys.exit(f"usage: python -m tests.oracles.web_platform CHECKOUT [FOLDER…]\n\n{__doc__}")
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
