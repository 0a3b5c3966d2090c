# SPDX-License-Identifier: Apache-2.0
"""The process around the loop: leader election, the rights it needs, health and metrics."""
