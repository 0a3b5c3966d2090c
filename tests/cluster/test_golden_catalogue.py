# SPDX-License-Identifier: Apache-2.0
"""What the golden cases say the operator makes of Connectors is what a real API server takes."""

from pathlib import Path

import pytest
import yaml

from tools.kubectl import Kubectl, as_list

OUTPUTS = sorted((Path(__file__).resolve().parents[1] / "golden" / "catalogue").glob("*/output.yaml"))


@pytest.mark.parametrize("output", OUTPUTS, ids=lambda path: path.parent.name)
def test_slices_and_policy_are_accepted(bare_kubectl: Kubectl, output: Path) -> None:
    found = yaml.safe_load(output.read_text(encoding="utf-8"))
    made = [found["policy"], *(each for each in found["endpoints"].values() if isinstance(each, dict))]
    for manifest in made:
        manifest["metadata"]["namespace"] = "default"
    options = ("--server-side", "--dry-run=server", "--field-manager=tests", "-f", "-")
    bare_kubectl("apply", *options, given=as_list(tuple(made)))
