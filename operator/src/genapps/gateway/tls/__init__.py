# SPDX-License-Identifier: Apache-2.0
"""The gateway's certificate: made and renewed here, or taken from a Secret that others renew."""
