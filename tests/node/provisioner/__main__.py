"""The provisioner as a process of the node."""

import asyncio

from tests.node.provisioner.service import Provisioner
from tests.node.settings import current

asyncio.run(Provisioner(current()).run())
