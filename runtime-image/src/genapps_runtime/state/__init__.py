# SPDX-License-Identifier: Apache-2.0
"""The app's state: one SQLite file per tenant on the volume. Files are opened without following links."""
