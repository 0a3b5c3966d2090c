# SPDX-License-Identifier: Apache-2.0
"""`genapps preflight`: what of a cluster does not hold what apps are promised."""
