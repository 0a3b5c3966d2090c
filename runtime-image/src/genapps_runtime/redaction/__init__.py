# SPDX-License-Identifier: Apache-2.0
"""What is taken out of texts before they are logged. Operator and runtime have these files each, the same bytes."""
