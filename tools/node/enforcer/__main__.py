# SPDX-License-Identifier: Apache-2.0
"""The enforcer as a process of the node."""

import asyncio

from tools.node.enforcer.service import Enforcer
from tools.node.settings import current

asyncio.run(Enforcer(current()).run())
