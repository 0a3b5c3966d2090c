# SPDX-License-Identifier: Apache-2.0
"""The engine's peer: workerd, installed from npm outside the checkout, with Worker Loader and facets."""
