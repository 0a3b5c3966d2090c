# SPDX-License-Identifier: Apache-2.0
"""Independent judges from the field, and what they say of what we make.

Each is a small Go program around a library that others trust: it reads questions as JSON lines and prints an answer for
each. They are built at their first use into the node's build cache; nothing but these tests needs them.
"""
