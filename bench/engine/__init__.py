# SPDX-License-Identifier: Apache-2.0
"""The runtime as one process outside Kubernetes, pinned to a core, side by side with workerd."""
