// SPDX-License-Identifier: Apache-2.0
// The cluster's DNS server: CoreDNS with only the plugins that the node's Corefile names.
// The stock main links every cloud provider's client, which triples the build.
package main

import (
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"
)

func main() { coremain.Run() }
