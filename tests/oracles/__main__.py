"""`python -m tests.oracles` builds the judges, with progress."""

import sys

from tests.node.settings import NodeError
from tests.oracles.programs import build_all

try:
    build_all()
except NodeError as error:
    print(error, file=sys.stderr)
    sys.exit(1)
