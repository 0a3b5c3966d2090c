# SPDX-License-Identifier: Apache-2.0
"""Writes every file that is derived from code: CRDs, their reference, the chart's values, Argo CD's health checks."""
