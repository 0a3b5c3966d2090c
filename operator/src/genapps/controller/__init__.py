# SPDX-License-Identifier: Apache-2.0
"""The operator: watches put keys into a queue; one reconcile pass per key lets the pure core judge, then acts."""
