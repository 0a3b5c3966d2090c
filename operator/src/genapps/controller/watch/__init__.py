# SPDX-License-Identifier: Apache-2.0
"""How changes are noticed: kopf for our own kinds, list and watch for children, and a sweep for what both missed."""
