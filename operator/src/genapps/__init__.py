# SPDX-License-Identifier: Apache-2.0
"""genapps: the control plane and the trusted half of the data plane."""
