# SPDX-License-Identifier: Apache-2.0
"""TypeScript becomes JavaScript before it is deployed: types are blanked, and every character keeps its place."""
