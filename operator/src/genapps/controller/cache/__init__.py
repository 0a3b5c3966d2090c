# SPDX-License-Identifier: Apache-2.0
"""What the operator knows without asking: objects seen by the watches, reduced to what decisions need."""
