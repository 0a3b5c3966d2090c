# SPDX-License-Identifier: Apache-2.0
"""What apps may spend: leases of this gateway, from which calls are paid without asking the API server."""
