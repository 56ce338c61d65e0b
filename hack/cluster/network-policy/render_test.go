package main

import (
	"os/exec"
	"strings"
	"testing"
)

func TestTheTableIsWrittenAsNftablesReadsIt(t *testing.T) {
	world := world
	world.Policies = policies(t,
		"{podSelector: {}}",
		"{podSelector: {matchLabels: {app: mongodb}}, policyTypes: [Ingress, Egress], ingress: [{from: [{podSelector: {}}], ports: [{port: 27017}, {port: 1, endPort: 9}]}], "+
			"egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16, 10.1.2.0/24]}}], ports: [{protocol: UDP}]}]}",
	)
	table := render(compile(world, "node-1"))
	const want = `	map egress {
		type ipv4_addr : verdict
		elements = { 10.81.1.3 : jump egress-10.81.1.3 }
	}
	map ingress {
		type ipv4_addr : verdict
		elements = { 10.81.1.2 : jump ingress-10.81.1.2, 10.81.1.3 : jump ingress-10.81.1.3 }
	}
`
	const wantChains = `	# shop/gateway
	chain ingress-10.81.1.2 {
		ip saddr 10.81.1.2 return
		drop
	}
	# shop/mongodb
	chain egress-10.81.1.3 {
		ip daddr 10.81.1.3 return
		ip daddr 10.0.0.0/8 ip daddr != 10.1.0.0/16 ip daddr != 10.1.2.0/24 meta l4proto udp return
		drop
	}
	# shop/mongodb
	chain ingress-10.81.1.3 {
		ip saddr 10.81.1.3 return
		ip saddr { 10.81.1.2, 10.81.1.3 } tcp dport 27017 return
		ip saddr { 10.81.1.2, 10.81.1.3 } tcp dport 1-9 return
		drop
	}
}
`
	if !strings.Contains(table, want) || !strings.HasSuffix(table, wantChains) {
		t.Error(table)
	}
	readByNft(t, table)
	readByNft(t, render(nil))
}

// readByNft has nft read the table in a network namespace that is gone afterwards, where that is possible.
func readByNft(t *testing.T, table string) {
	t.Helper()
	if exec.Command("unshare", "--net", "nft", "list", "ruleset").Run() != nil {
		t.Log("nft or the right to make a network namespace is missing: not read by it")
		return
	}
	nft := exec.Command("unshare", "--net", "nft", "-f", "-")
	nft.Stdin = strings.NewReader(table)
	if said, err := nft.CombinedOutput(); err != nil {
		t.Errorf("%v: %s\n%s", err, said, table)
	}
}
