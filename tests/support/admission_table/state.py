# SPDX-License-Identifier: Apache-2.0
"""Who may start the command of `genapps state` in an app's pod, and that it opens no other way into it."""

from typing import NamedTuple
from urllib.parse import urlencode

from tests.support.admission_table.rows import (
    BYSTANDER,
    HOME,
    NEIGHBOUR,
    OFFICER,
    READER,
    RUN,
    Actor,
    Refusal,
    Request,
    Row,
    enter,
)

FENCED = Refusal("genapps-run-namespace-entry", "metadata.namespace", "use a namespace of your own")


class Exec(NamedTuple):
    """What is asked of pods/exec; by default what `genapps state` asks in the name of OFFICER."""

    operation: str = "delete"
    namespace: str = HOME
    app: str = "app"
    by: str = OFFICER.user
    program: tuple[str, ...] = ("genapps-runtime", "state")
    more: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = (("container", "runtime"), ("stdout", "true"))

    def request(self) -> Request:
        words = (*self.program, self.operation, self.namespace, self.app, "a" * 64, self.by, *self.more)
        query = urlencode([*self.options, *(("command", word) for word in words)])
        entered = enter("exec", RUN, "app")
        return Request("POST", f"{entered.path}?{query}")


IN_RUNTIME = ("container", "runtime")
REFUSED: dict[str, tuple[Actor, Exec]] = {
    "without the verb": (BYSTANDER, Exec(by=BYSTANDER.user)),
    "with the verb for another operation": (READER, Exec(by=READER.user)),
    "for an app of another namespace": (OFFICER, Exec(namespace=NEIGHBOUR)),
    "in the name of somebody else": (OFFICER, Exec(by=BYSTANDER.user)),
    "for an operation that there is not": (OFFICER, Exec("drop")),
    "with a word more": (OFFICER, Exec(more=("x",))),
    "by another program": (OFFICER, Exec(program=("sh", "state"))),
    "by another command of the program": (OFFICER, Exec(program=("genapps-runtime", "precompile"))),
    "in another container": (OFFICER, Exec(options=(("container", "sidecar"), ("stdout", "true")))),
    "in whichever container is the first": (OFFICER, Exec(options=(("stdout", "true"),))),
    "with input": (OFFICER, Exec(options=(IN_RUNTIME, ("stdin", "true"), ("stdout", "true")))),
    "with a terminal": (OFFICER, Exec(options=(IN_RUNTIME, ("tty", "true"), ("stdout", "true")))),
}
ROWS = [
    *(
        Row(f"{actor.user} may {operation} state, and asks for it", actor, Exec(operation, by=actor.user).request())
        for operation, actor in (("list", READER), ("list", OFFICER), ("export", OFFICER), ("delete", OFFICER))
    ),
    *(
        Row(f"somebody asks for state {title}", actor, asked.request(), FENCED)
        for title, (actor, asked) in REFUSED.items()
    ),
    *(
        Row(f"whoever may delete state uses pods/{way}", OFFICER, enter(way, RUN, "app"), FENCED)
        for way in ("exec", "attach", "portforward", "proxy")
    ),
]
