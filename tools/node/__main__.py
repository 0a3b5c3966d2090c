# SPDX-License-Identifier: Apache-2.0
"""The command line of the local node: `python -m tools.node --help`."""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.node import containers, lifecycle
from tools.node.binaries import binary, build
from tools.node.components import COMPONENTS
from tools.node.processes import start, stop, until_of_use
from tools.node.settings import Node, NodeError, current


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        return _run(current(), options)
    except NodeError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return 130


def _run(node: Node, options: argparse.Namespace) -> int:
    match options.command:
        case "build":
            build(node.cache)
            containers.own_archives(node)
        case "up":
            lifecycle.up(node, fresh=options.fresh, kubelet=not options.without_kubelet)
        case "down":
            lifecycle.down(node)
        case "status":
            print("\n".join(lifecycle.status(node)))
            return 0 if lifecycle.healthy(node) else 1
        case "load":
            with lifecycle.alone(node):
                for image in containers.load(node, options.archives):
                    print(f"loaded {image}")
        case "start" | "stop":
            with lifecycle.alone(node):
                _change(node, options.command, options.component)
        case "kubeconfig":
            print(node.kubeconfig)
        case "kubectl":
            build(node.cache, only=frozenset({"kubectl"}))
            environment = {**os.environ, "KUBECONFIG": str(node.kubeconfig)}
            return subprocess.run(
                [binary("kubectl", node.cache), *options.arguments], env=environment, check=False
            ).returncode
    return 0


def _change(node: Node, command: str, component: str) -> None:
    if command == "stop":
        stop(node, component)
    else:
        start(node, component)
        until_of_use(node, component)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.node", description="A real Kubernetes on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="build every program of the node into the cache, about 15 minutes once")
    up = commands.add_parser("up", help="start the node, or what is missing of it; builds first")
    up.add_argument("--fresh", action="store_true", help="replace a running node")
    up.add_argument("--without-kubelet", action="store_true", help="the control plane only: no pods will run")
    commands.add_parser("down", help="end the node and leave nothing but the build cache and the images")
    commands.add_parser("status", help="what runs; exit code 0 when all does")
    load = commands.add_parser("load", help="import OCI image archives")
    load.add_argument("archives", nargs="+", type=Path, metavar="IMAGE_ARCHIVE")
    for command in ("start", "stop"):
        one = commands.add_parser(command, help=f"{command} one component of a running node")
        one.add_argument("component", choices=COMPONENTS)
    commands.add_parser("kubeconfig", help="print the path of the administrator's kubeconfig")
    kubectl = commands.add_parser("kubectl", help="run kubectl as administrator")
    kubectl.add_argument("arguments", nargs=argparse.REMAINDER)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
