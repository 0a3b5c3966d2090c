# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.oracles` builds the judges, with progress, and fetches what other projects have for it."""

import sys

from tests.oracles import http_corpus
from tests.oracles.environment import environment
from tests.oracles.programs import build_all
from tests.oracles.web_platform import rows
from tools.node.settings import NodeError

try:
    build_all()
    http_corpus.fetched()
    rows.fetched()
    environment("connector-peers")
    environment("typescript-peers")
except NodeError as error:
    print(error, file=sys.stderr)
    sys.exit(1)
