# SPDX-License-Identifier: Apache-2.0
"""The admission policies as they are rendered: closed when in doubt, denying, bound, and of this release."""

from collections.abc import Iterator

from tools import helm

PARAMETERISED = {"genapps-grants", "genapps-external-ips"}


def of_kind(manifests: list[helm.Manifest], kind: str) -> dict[str, helm.Manifest]:
    return {each["metadata"]["name"]: each["spec"] for each in manifests if each["kind"] == kind}


def policies(manifests: list[helm.Manifest]) -> dict[str, helm.Manifest]:
    return of_kind(manifests, "ValidatingAdmissionPolicy")


def expressions(policy: helm.Manifest) -> Iterator[str]:
    for part in ("matchConditions", "variables", "validations"):
        for each in policy.get(part, ()):
            yield each["expression"]


def test_every_policy_fails_closed_and_is_bound_to_deny(rendered: list[helm.Manifest]) -> None:
    bindings = of_kind(rendered, "ValidatingAdmissionPolicyBinding")
    found = policies(rendered)
    assert len(found) >= 10
    assert bindings.keys() == found.keys()
    for name, policy in found.items():
        assert policy["failurePolicy"] == "Fail", name
        assert bindings[name]["policyName"] == name
        assert bindings[name]["validationActions"] == ["Deny"], name


def test_no_webhook_is_needed(rendered: list[helm.Manifest]) -> None:
    assert not [each for each in rendered if "Webhook" in each["kind"]]


def test_every_refusal_has_a_message_of_its_own(rendered: list[helm.Manifest]) -> None:
    for name, policy in policies(rendered).items():
        for validation in policy["validations"]:
            assert validation["message"], name
            assert "\n" not in validation["message"].strip(), name


def test_grants_are_judged_with_every_budget_and_a_missing_one_is_the_operators_to_report(
    rendered: list[helm.Manifest],
) -> None:
    bindings = of_kind(rendered, "ValidatingAdmissionPolicyBinding")
    assert {name for name, policy in policies(rendered).items() if "paramKind" in policy} == PARAMETERISED
    for name, binding in bindings.items():
        expected = {"selector": {}, "parameterNotFoundAction": "Allow"} if name in PARAMETERISED else None
        assert binding.get("paramRef") == expected, name


def test_external_addresses_can_be_left_to_another_hand(values: helm.Values) -> None:
    found = policies(helm.render({**values, "admission": {"denyExternalIPs": False}}))
    assert policies(helm.render(values)).keys() - found.keys() == {"genapps-external-ips"}


def test_policies_are_about_the_accounts_and_namespaces_of_this_release(values: helm.Values) -> None:
    manifests = helm.render({**values, "runNamespaces": ["one", "two"]}, namespace="elsewhere")
    said = "\n".join(text for policy in policies(manifests).values() for text in expressions(policy))
    assert "system:serviceaccount:elsewhere:genapps-operator" in said
    assert "system:serviceaccount:elsewhere:genapps-gateway" in said
    assert "in ['one', 'two']" in said
    assert "in ['one', 'two', 'elsewhere']" in said
    assert "genapps-system" not in said
    assert "genapps-run'" not in said


def test_services_that_the_cluster_lives_by_never_wait_for_the_budgets(values: helm.Values) -> None:
    policy = policies(helm.render(values))["genapps-external-ips"]
    (selector,) = policy["matchConstraints"]["namespaceSelector"]["matchExpressions"]
    assert selector["operator"] == "NotIn"
    assert set(selector["values"]) == {"kube-system", "genapps-system", "genapps-run"}
