# SPDX-License-Identifier: Apache-2.0
"""`genapps hold` stops many apps, or shows which it would stop; `genapps resume` starts them a few at a time."""
