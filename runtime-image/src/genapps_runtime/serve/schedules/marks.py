# SPDX-License-Identifier: Apache-2.0
"""What has become of the ticks, in a small file beside the facets: a way back of the state repeats no tick.

The file is replaced as a whole. Times are seconds since 1970.
"""

import hashlib
from contextlib import closing
from dataclasses import asdict, dataclass
from threading import Lock

import orjson

from genapps_runtime.config import ScheduleRule
from genapps_runtime.state.claim_space import known_cause
from genapps_runtime.state.errors import StateUnavailableError
from genapps_runtime.state.safe_dir import SafeDir

FOLDER = "schedules"
FILE = "marks.json"
_NEW = "marks.json.new"
FILE_BYTES = 64 * 1024
_OF_TENANTS = frozenset({"since", "over", "tenant"})


@dataclass(slots=True)
class Mark:
    """`handled` is the last tick that is over, `begun` the last that was begun, in so many `attempts`.

    `rule` is a hash of when it is due and what it asks: another rule begins anew. Of an app with tenants there is also
    `since` when the begun tick goes on, and `over`, the last one for whom it is over. There `attempts` are those of
    `tenant`. Both are names of files.
    """

    rule: str
    handled: float
    begun: float = 0.0
    attempts: int = 0
    since: float = 0.0
    over: str = ""
    tenant: str = ""

    def end(self, due: float) -> None:
        """This tick is over."""
        self.handled, self.since, self.over, self.tenant = due, 0.0, "", ""

    def document(self) -> dict[str, object]:
        """What is stored: nothing of tenants where there are none, as earlier runtimes know it."""
        return {name: value for name, value in asdict(self).items() if value or name not in _OF_TENANTS}


class MarkFile:
    """The marks by the names of their schedules."""

    def __init__(self, state_directory: str) -> None:
        """Raises StateUnavailableError."""
        self._state_directory = state_directory
        self._storing = Lock()
        """Whoever was to store may have been cancelled, but not the thread that does."""
        try:
            with closing(SafeDir(state_directory)) as root, closing(root.enter_or_make(FOLDER)) as folder:
                content = folder.read(FILE, FILE_BYTES)
                if _NEW in folder.names():
                    folder.remove(_NEW)
            found = orjson.loads(content) if content is not None else {}
            self.marks = {str(name): _mark(one) for name, one in found.items()}
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            cause = known_cause(error, state_directory) or error
            raise StateUnavailableError(f"the marks of the schedules cannot be read: {cause}") from None

    def store(self) -> None:
        """Make the marks durable; raises OSError."""
        with self._storing, closing(SafeDir(self._state_directory)) as root, closing(root.enter(FOLDER)) as folder:
            content = orjson.dumps({name: mark.document() for name, mark in self.marks.items()})
            if _NEW in folder.names():
                folder.remove(_NEW)
            folder.write(_NEW, content)
            folder.rename(_NEW, FILE)
            folder.flush()


def hash_of(rule: ScheduleRule) -> str:
    """What changes when the rule does, other than in what becomes of missed ticks."""
    return hashlib.sha256(f"{rule.cron}\n{rule.time_zone}\n{rule.path}".encode()).hexdigest()[:16]


def _mark(raw: dict[str, object]) -> Mark:
    mark = Mark(**raw)  # type: ignore[arg-type]  # checked next
    numbers = (mark.handled, mark.begun, mark.attempts, mark.since)
    texts = (mark.rule, mark.over, mark.tenant)
    if not all(isinstance(one, str) for one in texts) or not all(isinstance(one, int | float) for one in numbers):
        raise TypeError("a mark has other fields")
    return mark
