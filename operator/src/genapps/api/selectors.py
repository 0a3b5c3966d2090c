# SPDX-License-Identifier: Apache-2.0
"""Label selectors and NetworkPolicy peers, with the same meaning as in Kubernetes and the API server's own checks."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from genapps.api.fields import Rule, UserModel, rules

_KEY_RULE = "!format.qualifiedName().validate(self).hasValue()"
_VALUE_RULE = "!format.labelValue().validate(self).hasValue()"
_KEY_MESSAGE = "write a label key such as app or example.com/app"
_VALUE_MESSAGE = "write a label value of letters, digits, '-', '_' and '.', starting and ending with a letter or digit"

LabelKey = Annotated[str, Field(min_length=1, max_length=317), Rule(_KEY_RULE, _KEY_MESSAGE)]
SelectedValue = Annotated[str, Field(max_length=63), Rule(_VALUE_RULE, _VALUE_MESSAGE)]


class LabelRequirement(UserModel):
    """One requirement on a label."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
                "give values with operator In or NotIn, and none with Exists or DoesNotExist",
            )
        )
    )

    key: LabelKey
    """The label's key."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    """How the key relates to the values."""
    values: Annotated[tuple[SelectedValue, ...], Field(max_length=16)] = ()
    """The values for In and NotIn."""


class LabelSelector(UserModel):
    """Objects with all of these labels; an empty selector selects all objects."""

    match_labels: Annotated[
        dict[str, SelectedValue] | None,
        Field(max_length=16),
        Rule("self.all(k, !format.qualifiedName().validate(k).hasValue())", f"matchLabels: {_KEY_MESSAGE} as the key"),
    ] = None
    """Labels and the values that they must have."""
    match_expressions: Annotated[tuple[LabelRequirement, ...], Field(max_length=8)] = ()
    """Requirements that must all hold."""


# What the API server would refuse in the NetworkPolicy of every app must not get as far as into a budget.
_RANGE_RULE = "isCIDR(self) && cidr(self) == cidr(self).masked()"
_RANGE_MESSAGE = "write a range such as 192.0.2.0/24 or 2001:db8::/32, without an address inside it"
Range = Annotated[str, Field(max_length=43), Rule(_RANGE_RULE, _RANGE_MESSAGE)]


class IpBlock(UserModel):
    """A range of addresses."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                (
                    "!has(self.except) || !isCIDR(self.cidr) || self.except.all(e, !isCIDR(e) ||"
                    " cidr(self.cidr).containsCIDR(e) && cidr(self.cidr).prefixLength() < cidr(e).prefixLength())"
                ),
                "except: give ranges inside cidr and smaller than it",
            )
        )
    )

    cidr: Range
    """The range, such as 192.0.2.0/24."""
    except_: Annotated[tuple[Range, ...], Field(max_length=16)] = Field(default=(), alias="except")
    """Ranges inside it that are left out."""


class NetworkPeer(UserModel):
    """A peer as in a NetworkPolicy: selected pods, or a range of addresses."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "has(self.ipBlock) != (has(self.podSelector) || has(self.namespaceSelector))",
                "give either ipBlock, or podSelector and/or namespaceSelector: an empty peer would admit everybody",
            )
        )
    )

    pod_selector: LabelSelector | None = None
    """Pods, of the selected namespaces or else of the run namespace."""
    namespace_selector: LabelSelector | None = None
    """Namespaces."""
    ip_block: IpBlock | None = None
    """A range of addresses."""


class OwnPodPeer(UserModel):
    """Pods of the app's own namespace."""

    pod_selector: LabelSelector
    """Which pods; an empty selector means all pods of the app's namespace."""
