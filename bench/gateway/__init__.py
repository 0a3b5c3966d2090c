# SPDX-License-Identifier: Apache-2.0
"""The gateway alone, with real sockets and without a cluster."""
