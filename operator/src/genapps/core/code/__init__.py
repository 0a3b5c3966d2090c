# SPDX-License-Identifier: Apache-2.0
"""Where code comes from, and whether it can load: a judgement on its files, without running any of them."""
