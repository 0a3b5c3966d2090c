# SPDX-License-Identifier: Apache-2.0
"""Who is calling: tokens of pods, the records of apps, and the keys of tenants' tokens that runtimes are given."""
