// SPDX-License-Identifier: Apache-2.0
package main

import (
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// asCyclonusReadsIt says a policy in words that cyclonus reads as Kubernetes does. It expects the types that the API
// server fills in, and it differs from the API in two places, for which there are other words:
//   - `NotIn` selects objects without the key as well; cyclonus wants the key to be there. Two selectors say it.
//   - `matchLabels` with an empty value wants the key to be there; cyclonus does not. `In` says it.
func asCyclonusReadsIt(policy *networkingv1.NetworkPolicy) []*networkingv1.NetworkPolicy {
	spec := policy.Spec.DeepCopy()
	if len(spec.PolicyTypes) == 0 {
		spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
		if len(spec.Egress) > 0 {
			spec.PolicyTypes = append(spec.PolicyTypes, networkingv1.PolicyTypeEgress)
		}
	}
	for i := range spec.Ingress {
		spec.Ingress[i].From = peers(spec.Ingress[i].From)
	}
	for i := range spec.Egress {
		spec.Egress[i].To = peers(spec.Egress[i].To)
	}
	said := []*networkingv1.NetworkPolicy{}
	for _, selector := range selectors(&spec.PodSelector) {
		one := &networkingv1.NetworkPolicy{ObjectMeta: policy.ObjectMeta, Spec: *spec.DeepCopy()}
		one.Spec.PodSelector = *selector
		said = append(said, one)
	}
	return said
}

func peers(given []networkingv1.NetworkPolicyPeer) []networkingv1.NetworkPolicyPeer {
	said := []networkingv1.NetworkPolicyPeer{}
	for _, peer := range given {
		for _, pods := range selectors(peer.PodSelector) {
			for _, namespaces := range selectors(peer.NamespaceSelector) {
				said = append(said, networkingv1.NetworkPolicyPeer{
					PodSelector: pods, NamespaceSelector: namespaces, IPBlock: peer.IPBlock,
				})
			}
		}
	}
	return said
}

// selectors gives some that select together what the given one selects; a missing one stays missing.
func selectors(given *metav1.LabelSelector) []*metav1.LabelSelector {
	if given == nil {
		return []*metav1.LabelSelector{nil}
	}
	said := []*metav1.LabelSelector{{}}
	for key, value := range given.MatchLabels {
		said = also(said, requirement(key, metav1.LabelSelectorOpIn, value))
	}
	for _, wanted := range given.MatchExpressions {
		if wanted.Operator == metav1.LabelSelectorOpNotIn {
			said = also(said, wanted, requirement(wanted.Key, metav1.LabelSelectorOpDoesNotExist))
		} else {
			said = also(said, wanted)
		}
	}
	return said
}

func also(said []*metav1.LabelSelector, oneOf ...metav1.LabelSelectorRequirement) []*metav1.LabelSelector {
	more := []*metav1.LabelSelector{}
	for _, selector := range said {
		for _, wanted := range oneOf {
			expressions := append(slices.Clone(selector.MatchExpressions), wanted)
			more = append(more, &metav1.LabelSelector{MatchExpressions: expressions})
		}
	}
	return more
}

func requirement(key string, operator metav1.LabelSelectorOperator, values ...string) metav1.LabelSelectorRequirement {
	return metav1.LabelSelectorRequirement{Key: key, Operator: operator, Values: values}
}
