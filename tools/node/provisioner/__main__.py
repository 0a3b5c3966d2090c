# SPDX-License-Identifier: Apache-2.0
"""The provisioner as a process of the node."""

import asyncio

from tools.node.provisioner.service import Provisioner
from tools.node.settings import current

asyncio.run(Provisioner(current()).run())
