# SPDX-License-Identifier: Apache-2.0
"""The demo of the whole platform; a test plays the same scenes."""
