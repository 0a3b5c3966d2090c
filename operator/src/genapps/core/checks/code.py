# SPDX-License-Identifier: Apache-2.0
"""Is the code there, is it what its digest says, and can it load?

Else the last verified snapshot keeps running: none of this is a violation.
"""

from genapps.api.apprecord import RevisionResult
from genapps.api.conditions import ConditionType, Reason
from genapps.core.checks.facts import Facts
from genapps.core.observed import SourceProblem
from genapps.core.verdict import Finding


def source_readable(facts: Facts) -> Finding | None:
    """The source yields the code; else the reason of the SourceProblem."""
    source = facts.observed.source
    if not isinstance(source, SourceProblem):
        return None
    return Finding(ConditionType.CODE_VERIFIED, source.reason, source.message + _kept(facts))


def source_verified(facts: Facts) -> Finding | None:
    """Code or image has the digest that the spec names; else DIGEST_MISMATCH, or SOURCE_DIFFERS while it runs."""
    wanted, found, image = facts.app.spec.code.digest, facts.code_digest, facts.app.spec.code.source.image
    if image is not None:
        found = found and image.digest
    if wanted is None or found is None or wanted == found:
        return None
    reason = Reason.SOURCE_DIFFERS if _runs(facts) else Reason.DIGEST_MISMATCH
    message = f"The source has digest {found}, not spec.code.digest. Set that digest, or restore the source."
    return Finding(ConditionType.CODE_VERIFIED, reason, message + _kept(facts))


def code_loadable(facts: Facts) -> Finding | None:
    """Nothing in the code keeps it from loading for certain; else the reason of the scan."""
    scanned = facts.observed.scanned
    if scanned is None:
        return None
    return Finding(ConditionType.CODE_VERIFIED, scanned.reason, scanned.message + _kept(facts))


def _runs(facts: Facts) -> bool:
    """There is a verified revision that runs on."""
    record = facts.observed.record
    if not facts.live or record is None or record.revision is None:
        return False
    failed = {kept.digest for kept in record.revisions if kept.result is RevisionResult.FAILED}
    return record.revision.digest not in failed


def _kept(facts: Facts) -> str:
    return " The last verified code keeps running." if _runs(facts) else ""
