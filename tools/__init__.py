# SPDX-License-Identifier: Apache-2.0
"""What builds, generates and checks, and is no part of the product: generators, the local node, images, engines."""
