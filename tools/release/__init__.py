"""The dry run of a release: `python -m tools.release` (`make release`); RELEASE.md has the whole procedure."""
