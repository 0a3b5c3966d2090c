"""Is the code there, and is it what its digest says? Else the last verified snapshot keeps running: no violation."""

from genapps.api.conditions import ConditionType, Reason
from genapps.core.checks.facts import Facts
from genapps.core.observed import SourceProblem
from genapps.core.verdict import Finding


def source_readable(facts: Facts) -> Finding | None:
    source = facts.observed.source
    # What is not built yet has said so under fields_supported.
    if not isinstance(source, SourceProblem) or source.reason is Reason.NOT_YET_SUPPORTED:
        return None
    return Finding(ConditionType.CODE_VERIFIED, source.reason, source.message)


def source_verified(facts: Facts) -> Finding | None:
    wanted, found = facts.app.spec.code.digest, facts.code_digest
    if wanted is None or found is None or wanted == found:
        return None
    runs = facts.live and facts.observed.record and facts.observed.record.revision
    reason = Reason.SOURCE_DIFFERS if runs else Reason.DIGEST_MISMATCH
    kept = " The last verified code keeps running." if runs else ""
    message = f"The source has digest {found}, not spec.code.digest: set that digest, or restore the source.{kept}"
    return Finding(ConditionType.CODE_VERIFIED, reason, message)
