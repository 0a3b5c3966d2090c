# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.oracles` builds the judges, with progress, and fetches requests and servers of other projects."""

import sys

from tests.oracles.http_corpus import fetched
from tests.oracles.programs import build_all
from tests.oracles.servers.programs import environment
from tools.node.settings import NodeError

try:
    build_all()
    fetched()
    environment()
except NodeError as error:
    print(error, file=sys.stderr)
    sys.exit(1)
