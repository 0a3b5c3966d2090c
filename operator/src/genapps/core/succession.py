"""Which app may take over what an earlier one left under its name: state, counters, verdicts, evidence.

All or nothing. Who may not take it over neither inherits a suspension nor resets one (the owner is the tenant's own
word, a new name in it must be no way out): it waits until the earlier app's retention has passed or it is purged.
"""

from genapps.api.apprecord import AppRecord
from genapps.api.generatedapp import GeneratedApp
from genapps.core.observed import Malformed
from genapps.core.retention import is_purged


def takes_over(app: GeneratedApp | Malformed, namespace_uid: str, record: AppRecord) -> bool:
    """Whether the record is this app's: its own, or that of an earlier one of the same owner and namespace."""
    held = record.record
    if isinstance(app, Malformed):
        # Nobody knows whose it is: it does not start, and what is there stays.
        return app.ref.uid == held.app.uid or not is_purged(record)
    if app.metadata.uid == held.app.uid:
        return True
    same = (app.spec.envelope.owner.team, namespace_uid) == (held.owner.team, held.namespace_uid)
    return same and not is_purged(record)
