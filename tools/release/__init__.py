# SPDX-License-Identifier: Apache-2.0
"""The dry run of a release: `python -m tools.release` (`make release`); RELEASE.md has the whole procedure."""
