# SPDX-License-Identifier: Apache-2.0
"""`make demo` (`python -m demo`): generated apps applied, called, fenced, changed, suspended
and resumed.

CLUSTER=local (default) brings the local node up; CLUSTER=current IMAGES=<registry/prefix> uses the kubeconfig's
context.
"""

import os
import sys

from demo import budget, defiance, hold, installation, outside, scenes, stolen_token
from demo.cast import CAST
from demo.installation import Cluster, Settings
from demo.terminal import SceneError, Terminal, failure
from tools.kubectl import KubectlError

NEXT = """\
kubectl explain generatedapp.spec             the fields of an app
kubectl describe gapp -n finance curious      conditions and Events of the suspended app
kubectl get networkpolicy,pod,pvc -n genapps-run     the children of the apps
write your own app: copy examples/unit-converter.yaml, change name and code, kubectl apply"""
LOCAL = """\
on this machine kubectl is: .venv/bin/python -m tools.node kubectl ...
make node-down     stops the node; only the build cache stays"""


def main() -> int:
    """Run every scene; return the exit code."""
    terminal = Terminal()
    try:
        settings = Settings.from_environ(os.environ)
        with installation.cluster(terminal, settings) as cluster:
            play(terminal, cluster, installation.images_for(terminal, settings))
    except (SceneError, KubectlError) as error:
        failure(str(error))
        return 1
    except KeyboardInterrupt:
        failure("interrupted; run `make demo` again to continue")
        return 130
    return 0


def play(terminal: Terminal, cluster: Cluster, references: dict[str, str]) -> None:
    """Play all scenes in order. Raises SceneError when one has another result than promised."""
    kubectl = cluster.kubectl
    installation.chart(terminal, cluster, references)
    caller, stranger = scenes.apply_platform(terminal, kubectl, references["genapps"])
    found = scenes.apply_apps(terminal, kubectl, references["runtime"])
    scenes.call(terminal, found, caller, stranger)
    scenes.fence(terminal, kubectl, caller)
    outside.call_a_service(terminal, kubectl, caller)
    outside.ask_a_model(terminal, kubectl, caller)
    outside.use_an_mcp_server(terminal, kubectl, caller)
    stolen_token.try_a_stolen_token(terminal, kubectl, caller, next(iter(CAST)))
    defiance.trespass(terminal, kubectl)
    defiance.change(terminal, kubectl, caller)
    scenes.suspend(terminal, kubectl, caller)
    budget.use_up(terminal, kubectl, caller)
    hold.stop_a_family(terminal, kubectl, caller)
    scenes.finish(terminal, kubectl)
    terminal.scene("What to try next")
    terminal.output(f"{NEXT}\n{LOCAL}" if cluster.local else NEXT)


if __name__ == "__main__":
    sys.exit(main())
