"""The enforcer as a process of the node."""

import asyncio

from tests.node.enforcer.service import Enforcer
from tests.node.settings import current

asyncio.run(Enforcer(current()).run())
