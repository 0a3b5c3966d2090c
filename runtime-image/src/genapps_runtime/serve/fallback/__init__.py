# SPDX-License-Identifier: Apache-2.0
"""What callers get while the app cannot answer, and when it is not even asked."""
