# SPDX-License-Identifier: Apache-2.0
"""Apps without a cluster: `genapps dev` runs one on the machine of its author, as its pod would."""
