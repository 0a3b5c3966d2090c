# SPDX-License-Identifier: Apache-2.0
"""The files below `public/`, served without a guest."""
