package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// What belongs to a connection that was let through once is let through. A new one is checked by what its source may send and by
// what its target may get, each on the target's own address and port: services have been resolved by then. What a node sends to
// its own pods is never checked: the kubelet must reach them.
const frame = `table ip network-policy
delete table ip network-policy
table ip network-policy {
	map egress {
		type ipv4_addr : verdict
%s	}
	map ingress {
		type ipv4_addr : verdict
%s	}
	chain forward {
		type filter hook forward priority filter; policy accept;
		ct state established,related accept
		ip saddr vmap @egress
		ip daddr vmap @ingress
	}
	chain input {
		type filter hook input priority filter; policy accept;
		ct state established,related accept
		ip saddr vmap @egress
	}
%s}
`

// render writes the whole table, for `nft -f`: it replaces the one before at once.
func render(isolations []Isolation) string {
	var egress, ingress []string
	var chains strings.Builder
	for _, isolation := range isolations {
		address := isolation.Pod.Address
		if isolation.Egress != nil {
			egress = append(egress, fmt.Sprintf("%s : jump egress-%s", address, address))
			renderChain(&chains, "egress", "daddr", isolation.Pod, *isolation.Egress)
		}
		if isolation.Ingress != nil {
			ingress = append(ingress, fmt.Sprintf("%s : jump ingress-%s", address, address))
			renderChain(&chains, "ingress", "saddr", isolation.Pod, *isolation.Ingress)
		}
	}
	return fmt.Sprintf(frame, elements(egress), elements(ingress), chains.String())
}

func elements(all []string) string {
	if len(all) == 0 {
		return ""
	}
	return "\t\telements = { " + strings.Join(all, ", ") + " }\n"
}

// A chain returns for what is allowed: the other direction is still to be checked.
func renderChain(to *strings.Builder, direction, side string, pod Pod, allowed []Allow) {
	// No pod can be kept from itself.
	rules := []string{fmt.Sprintf("ip %s %s return", side, pod.Address)}
	for _, allow := range allowed {
		for _, peer := range peerMatches(side, allow) {
			for _, port := range portMatches(allow.Ports) {
				rule := strings.Join(strings.Fields(peer+" "+port+" return"), " ")
				if !slices.Contains(rules, rule) {
					rules = append(rules, rule)
				}
			}
		}
	}
	fmt.Fprintf(to, "\t# %s/%s\n\tchain %s-%s {\n", pod.Namespace, pod.Name, direction, pod.Address)
	for _, rule := range append(rules, "drop") {
		fmt.Fprintf(to, "\t\t%s\n", rule)
	}
	to.WriteString("\t}\n")
}

func peerMatches(side string, allow Allow) []string {
	if allow.Any {
		return []string{""}
	}
	var matches []string
	if len(allow.Pods) > 0 {
		matches = append(matches, fmt.Sprintf("ip %s { %s }", side, joined(allow.Pods)))
	}
	for _, block := range allow.Blocks {
		match := fmt.Sprintf("ip %s %s", side, block.Network)
		// One by one: in a set they might overlap, which nftables refuses.
		for _, except := range block.Except {
			match += fmt.Sprintf(" ip %s != %s", side, except)
		}
		matches = append(matches, match)
	}
	return matches
}

func portMatches(ports []Ports) []string {
	if len(ports) == 0 {
		return []string{""}
	}
	var matches []string
	for _, port := range ports {
		protocol := strings.ToLower(string(port.Protocol))
		match := fmt.Sprintf("%s dport %d-%d", protocol, port.First, port.Last)
		switch port.Last {
		case 0:
			match = "meta l4proto " + protocol
		case port.First:
			match = fmt.Sprintf("%s dport %d", protocol, port.First)
		}
		matches = append(matches, match)
	}
	return matches
}

func joined(addresses []netip.Addr) string {
	var texts []string
	for _, address := range addresses {
		texts = append(texts, address.String())
	}
	return strings.Join(texts, ", ")
}
