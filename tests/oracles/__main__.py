# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.oracles` builds the judges, with progress."""

import sys

from tests.oracles.programs import build_all
from tools.node.settings import NodeError

try:
    build_all()
except NodeError as error:
    print(error, file=sys.stderr)
    sys.exit(1)
