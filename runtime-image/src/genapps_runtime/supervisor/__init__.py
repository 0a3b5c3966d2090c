# SPDX-License-Identifier: Apache-2.0
"""The small parent process: it serves the health port, and restarts or ends the worker."""
