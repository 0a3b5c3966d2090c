# SPDX-License-Identifier: Apache-2.0
"""TypeScript without its types, as Node.js makes it, beside what we make of it."""
