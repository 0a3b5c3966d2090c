# SPDX-License-Identifier: Apache-2.0
"""Errors that an app raises for its callers."""


class BadRequest(Exception):  # noqa: N818  it is the caller's error, not the app's
    """The caller sent something that the app cannot use. Raise it to answer 400 with the message."""


class BodyTooLongError(Exception):
    """The body has more than 1 MiB, and the app wants it as a whole: the caller gets 413 unless the app catches it."""
