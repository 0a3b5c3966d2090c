# SPDX-License-Identifier: Apache-2.0
"""The API server's seats for operator and gateway, as the chart asks for them."""

from tools import helm


def test_only_operator_and_gateway_of_the_release_use_the_level_and_each_has_a_flow_of_its_own(
    values: helm.Values,
) -> None:
    manifests = helm.render(values, "elsewhere")
    (schema,) = (each for each in manifests if each["kind"] == "FlowSchema")
    (level,) = (each for each in manifests if each["kind"] == "PriorityLevelConfiguration")
    (rule,) = schema["spec"]["rules"]
    accounts = [(each["kind"], *each["serviceAccount"].values()) for each in rule["subjects"]]
    assert accounts == [
        ("ServiceAccount", "genapps-operator", "elsewhere"),
        ("ServiceAccount", "genapps-gateway", "elsewhere"),
    ]
    assert schema["spec"]["distinguisherMethod"] == {"type": "ByUser"}
    assert schema["spec"]["priorityLevelConfiguration"]["name"] == level["metadata"]["name"]
    assert schema["spec"]["matchingPrecedence"] < 9000, "else the schema of all ServiceAccounts has them"
