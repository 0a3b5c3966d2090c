# SPDX-License-Identifier: Apache-2.0
"""What an admitted call may still meet: rates, concurrency and breakers, each with bounded memory. No waiting here."""
