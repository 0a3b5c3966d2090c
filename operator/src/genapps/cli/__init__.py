# SPDX-License-Identifier: Apache-2.0
"""The command `genapps`: starts the processes and prints digests."""
