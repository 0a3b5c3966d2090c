# SPDX-License-Identifier: Apache-2.0
"""A tenant as they really are: a ServiceAccount with the default role `edit` in their namespace, and a token of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from demo.callers import Pod
from tests.support.api_server import Api
from tests.support.apps import RUN_NAMESPACE, Manifest, app, child_of, ready
from tools.kubectl import Kubectl
from tools.node import Node

KEEPER = """
    from genapps import app, state

    @app.get("/")
    async def hello(request):
        return await state.get("word", "none")

    @app.post("/")
    async def keep(request):
        await state.put("word", "nightingale")
        return "kept"
"""
WORD = "nightingale"
"""What the app keeps in its claim."""


@dataclass(frozen=True)
class Tenant:
    """What a test of the tenant's reach needs; `app` is Ready and the tenant's own."""

    installed: Kubectl
    node: Node
    api: Api
    """With the token of the tenant."""
    namespace: str
    caller: Pod
    """An ordinary pod of their namespace."""
    app: Manifest

    @property
    def child(self) -> str:
        """The name of the app's objects in the run namespace."""
        url: str = self.app["status"]["url"]
        return url.removeprefix("http://").partition(".")[0]

    @property
    def inside(self) -> Pod:
        """The app's pod, for the administrator."""
        return Pod(self.installed, RUN_NAMESPACE, self.child)

    def said(self) -> str:
        """What the app answers in its own namespace."""
        return self.caller.request("GET", self.app["status"]["url"] + "/", {}, None).body

    def part(self, kind: str) -> Manifest:
        """The app's only child of a kind."""
        found = child_of(self.installed, self.app, kind)
        assert found is not None, f"no {kind}"
        return found


@contextmanager
def editing(installed: Kubectl, node: Node, namespace: str, caller: Pod) -> Iterator[Tenant]:
    """The tenant of a namespace that a budget of the same name lists, with an app that keeps a word."""
    secret = token(installed, namespace, "dev")
    installed(
        "create", "rolebinding", "dev", "-n", namespace, "--clusterrole=edit", f"--serviceaccount={namespace}:dev"
    )
    found = ready(installed, app("keeper", namespace, KEEPER))
    with Api(node, secret) as connection:
        tenant = Tenant(installed, node, connection, namespace, caller, found)
        assert caller.request("POST", found["status"]["url"] + "/", {}, "").body == "kept"
        yield tenant


def token(installed: Kubectl, namespace: str, name: str) -> str:
    """A new ServiceAccount's token for the API server."""
    installed("create", "serviceaccount", name, "-n", namespace)
    return installed("create", "token", name, "-n", namespace).strip()
