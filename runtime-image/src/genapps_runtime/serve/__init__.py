# SPDX-License-Identifier: Apache-2.0
"""What callers reach: HTTP in, one action per request, HTTP out."""
