// SPDX-License-Identifier: Apache-2.0
// Command cyclonus reads situations, one JSON document a line, and prints for each what cyclonus' evaluator of
// NetworkPolicies lets through: {"ingress": [bool, ...], "egress": [bool, ...]}, one pair for every source, destination,
// protocol and port, in this order, the last one changing fastest.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/mattfenwick/cyclonus/pkg/matcher"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

type situation struct {
	Policies   []*networkingv1.NetworkPolicy `json:"policies"`
	Namespaces map[string]map[string]string  `json:"namespaces"`
	Places     []place                       `json:"places"`
	Protocols  []corev1.Protocol             `json:"protocols"`
	Ports      []int                         `json:"ports"`
}

// place is a pod or, without a namespace, an address outside of the cluster.
type place struct {
	Address   string                 `json:"address"`
	Namespace string                 `json:"namespace"`
	Labels    map[string]string      `json:"labels"`
	Ports     []corev1.ContainerPort `json:"ports"`
}

type verdicts struct {
	Ingress []bool `json:"ingress"`
	Egress  []bool `json:"egress"`
}

func main() {
	if err := judge(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "cyclonus:", err)
		os.Exit(1)
	}
}

func judge(in io.Reader, out io.Writer) error {
	decoder, encoder := json.NewDecoder(in), json.NewEncoder(out)
	decoder.DisallowUnknownFields()
	for decoder.More() {
		given := situation{}
		if err := decoder.Decode(&given); err != nil {
			return err
		}
		if err := encoder.Encode(given.verdicts()); err != nil {
			return err
		}
	}
	return nil
}

func (s situation) verdicts() verdicts {
	policies := []*networkingv1.NetworkPolicy{}
	for _, policy := range s.Policies {
		policies = append(policies, asCyclonusReadsIt(policy)...)
	}
	rules, found := matcher.BuildNetworkPolicies(false, policies), verdicts{}
	for _, source := range s.Places {
		for _, destination := range s.Places {
			for _, protocol := range s.Protocols {
				for _, port := range s.Ports {
					result := rules.IsTrafficAllowed(&matcher.Traffic{
						Source:           s.peer(source),
						Destination:      s.peer(destination),
						ResolvedPort:     port,
						ResolvedPortName: destination.portName(port, protocol),
						Protocol:         protocol,
					})
					found.Ingress = append(found.Ingress, result.Ingress.IsAllowed())
					found.Egress = append(found.Egress, result.Egress.IsAllowed())
				}
			}
		}
	}
	return found
}

func (s situation) peer(at place) *matcher.TrafficPeer {
	if at.Namespace == "" {
		return &matcher.TrafficPeer{IP: at.Address}
	}
	return &matcher.TrafficPeer{IP: at.Address, Internal: &matcher.InternalPeer{
		PodLabels:       at.Labels,
		Namespace:       at.Namespace,
		NamespaceLabels: s.Namespaces[at.Namespace],
	}}
}

func (p place) portName(number int, protocol corev1.Protocol) string {
	for _, port := range p.Ports {
		if int(port.ContainerPort) == number && port.Protocol == protocol {
			return port.Name
		}
	}
	return ""
}
