# SPDX-License-Identifier: Apache-2.0
"""The sandbox: the engine, its instances, and the messages that cross the boundary."""
