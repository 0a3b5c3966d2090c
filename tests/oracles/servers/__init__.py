# SPDX-License-Identifier: Apache-2.0
"""Servers of others, called by the gateway's own code through real connections.

They are installed from `locks/connector-peers.txt` into an environment of their own, kept in the cache.
"""
