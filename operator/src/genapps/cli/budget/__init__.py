# SPDX-License-Identifier: Apache-2.0
"""`genapps budget`: what limits would do."""
