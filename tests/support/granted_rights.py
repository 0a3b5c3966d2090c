# SPDX-License-Identifier: Apache-2.0
"""What the roles of the rendered chart grant to a ServiceAccount."""

from collections.abc import Iterator

from tools import helm

Grant = tuple[str, str, str, str, tuple[str, ...]]


def grants(manifests: list[helm.Manifest], account: str) -> Iterator[Grant]:
    """(namespace or "*", API group, resource, verb, names) for everything that a ServiceAccount may do."""
    for binding in manifests:
        if binding["kind"] not in {"RoleBinding", "ClusterRoleBinding"}:
            continue
        subjects = [(each["kind"], each["name"], each.get("namespace")) for each in binding["subjects"]]
        if subjects != [("ServiceAccount", account, helm.NAMESPACE)]:
            continue
        where = binding["metadata"].get("namespace", "*")
        role = next(
            each
            for each in manifests
            if each["kind"] == binding["roleRef"]["kind"]
            and each["metadata"]["name"] == binding["roleRef"]["name"]
            and each["metadata"].get("namespace", where) == where
        )
        for rule in role["rules"]:
            for group in rule["apiGroups"]:
                for resource in rule["resources"]:
                    for verb in rule["verbs"]:
                        yield where, group, resource, verb, tuple(rule.get("resourceNames", ()))
