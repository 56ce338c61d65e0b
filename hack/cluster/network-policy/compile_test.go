package main

import (
	"net/netip"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"
)

// The pods of these tests: a shop with a gateway and a store, another namespace, and a node each.
var world = World{
	Namespaces: map[string]map[string]string{
		"shop":    {"kubernetes.io/metadata.name": "shop"},
		"monitor": {"kubernetes.io/metadata.name": "monitor", "may": "scrape"},
	},
	Pods: []Pod{
		pod("shop", "gateway", "10.81.1.2"),
		pod("shop", "mongodb", "10.81.1.3",
			corev1.ContainerPort{Name: "mongodb", ContainerPort: 27017},
			corev1.ContainerPort{Name: "question", ContainerPort: 1053, Protocol: corev1.ProtocolUDP}),
		pod("monitor", "prometheus", "10.81.1.4"),
	},
}

func pod(namespace, name, address string, ports ...corev1.ContainerPort) Pod {
	return Pod{
		Namespace: namespace,
		Name:      name,
		Node:      "node-1",
		Labels:    map[string]string{"app": name},
		Address:   netip.MustParseAddr(address),
		Ports:     ports,
	}
}

// connection is what is tried in a test.
type connection struct {
	from, to string
	protocol corev1.Protocol
	port     int32
}

// allowed tells what the chains do with it, on the nodes of both ends.
func allowed(isolations []Isolation, try connection) bool {
	from, to := netip.MustParseAddr(try.from), netip.MustParseAddr(try.to)
	if from == to {
		return true
	}
	for _, isolation := range isolations {
		if isolation.Pod.Address == from && isolation.Egress != nil && !anyAllows(*isolation.Egress, to, try) {
			return false
		}
		if isolation.Pod.Address == to && isolation.Ingress != nil && !anyAllows(*isolation.Ingress, from, try) {
			return false
		}
	}
	return true
}

func anyAllows(all []Allow, peer netip.Addr, try connection) bool {
	return slices.ContainsFunc(all, func(allow Allow) bool {
		return peerIsIn(allow, peer) && (len(allow.Ports) == 0 || slices.ContainsFunc(allow.Ports, func(ports Ports) bool {
			return ports.Protocol == try.protocol && (ports.Last == 0 || ports.First <= try.port && try.port <= ports.Last)
		}))
	})
}

func peerIsIn(allow Allow, peer netip.Addr) bool {
	return allow.Any || slices.Contains(allow.Pods, peer) || slices.ContainsFunc(allow.Blocks, func(block Block) bool {
		contains := func(network netip.Prefix) bool { return network.Contains(peer) }
		return contains(block.Network) && !slices.ContainsFunc(block.Except, contains)
	})
}

func policies(t *testing.T, specs ...string) []*networkingv1.NetworkPolicy {
	t.Helper()
	var all []*networkingv1.NetworkPolicy
	for _, spec := range specs {
		policy := &networkingv1.NetworkPolicy{}
		policy.Namespace = "shop"
		if err := yaml.UnmarshalStrict([]byte(spec), &policy.Spec); err != nil {
			t.Fatal(err)
		}
		all = append(all, policy)
	}
	return all
}

const (
	gateway, mongodb, prometheus, outside = "10.81.1.2", "10.81.1.3", "10.81.1.4", "10.80.0.1"
	tcp, udp                              = corev1.ProtocolTCP, corev1.ProtocolUDP
)

func TestPoliciesAllowAndRefuse(t *testing.T) {
	denyAll := "{podSelector: {}, policyTypes: [Ingress, Egress]}"
	for name, test := range map[string]struct {
		policies []string
		allowed  []connection
		refused  []connection
	}{
		"without a policy all is allowed": {
			allowed: []connection{{gateway, mongodb, tcp, 27017}, {outside, mongodb, udp, 1}},
		},
		"a policy without rules refuses all, in its namespace, but of a pod to itself": {
			policies: []string{denyAll},
			refused: []connection{
				{gateway, mongodb, tcp, 27017}, {prometheus, gateway, tcp, 1}, {gateway, outside, udp, 53}, {outside, gateway, tcp, 1},
			},
			allowed: []connection{{prometheus, outside, tcp, 1}, {outside, prometheus, tcp, 1}, {gateway, gateway, tcp, 1}},
		},
		"both ends have to allow a connection": {
			policies: []string{denyAll, "{podSelector: {matchLabels: {app: mongodb}}, ingress: [{}]}"},
			refused:  []connection{{gateway, mongodb, tcp, 27017}},
			allowed:  []connection{{prometheus, mongodb, tcp, 27017}},
		},
		"policies add up": {
			policies: []string{
				denyAll,
				"{podSelector: {matchLabels: {app: mongodb}}, ingress: [{from: [{podSelector: {matchLabels: {app: gateway}}}]}]}",
				"{podSelector: {matchLabels: {app: gateway}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {app: mongodb}}}]}]}",
			},
			allowed: []connection{{gateway, mongodb, tcp, 27017}},
			refused: []connection{{mongodb, gateway, tcp, 1}, {prometheus, mongodb, tcp, 27017}},
		},
		"a selector of pods alone means those of the policy's namespace": {
			policies: []string{"{podSelector: {matchLabels: {app: mongodb}}, ingress: [{from: [{podSelector: {}}]}]}"},
			allowed:  []connection{{gateway, mongodb, tcp, 1}},
			refused:  []connection{{prometheus, mongodb, tcp, 1}},
		},
		"a selector of namespaces alone means all their pods": {
			policies: []string{"{podSelector: {matchLabels: {app: mongodb}}, ingress: [{from: [{namespaceSelector: {matchLabels: {may: scrape}}}]}]}"},
			allowed:  []connection{{prometheus, mongodb, tcp, 1}},
			refused:  []connection{{gateway, mongodb, tcp, 1}},
		},
		"both selectors together have to fit": {
			policies: []string{"{podSelector: {}, ingress: [{from: [{namespaceSelector: {}, podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [prometheus]}]}}]}]}"},
			allowed:  []connection{{gateway, mongodb, tcp, 1}},
			refused:  []connection{{prometheus, mongodb, tcp, 1}, {outside, mongodb, tcp, 1}},
		},
		"a block is a network less its exceptions": {
			policies: []string{"{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.80.0.0/15, except: [10.81.1.3/32, 10.80.7.0/24]}}]}]}"},
			allowed:  []connection{{gateway, outside, tcp, 1}, {gateway, prometheus, tcp, 1}},
			refused:  []connection{{gateway, mongodb, tcp, 1}, {gateway, "10.80.7.7", tcp, 1}, {gateway, "192.0.2.1", tcp, 1}},
		},
		"a block of IPv6 allows nothing, and not everything": {
			policies: []string{"{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: '::/0'}}]}]}"},
			refused:  []connection{{gateway, outside, tcp, 1}},
		},
		"a port is of TCP unless it says so, and may be a range or all of a protocol": {
			policies: []string{"{podSelector: {matchLabels: {app: mongodb}}, ingress: [{ports: [{port: 80}, {port: 100, endPort: 110}, {protocol: UDP}]}]}"},
			allowed:  []connection{{gateway, mongodb, tcp, 80}, {gateway, mongodb, tcp, 110}, {outside, mongodb, udp, 80}},
			refused:  []connection{{gateway, mongodb, tcp, 81}, {gateway, mongodb, tcp, 111}},
		},
		"a name of a port is looked up at the pod that gets the connection": {
			policies: []string{"{podSelector: {matchLabels: {app: mongodb}}, ingress: [{ports: [{port: mongodb}, {port: question, protocol: UDP}]}]}"},
			allowed:  []connection{{gateway, mongodb, tcp, 27017}, {gateway, mongodb, udp, 1053}},
			refused:  []connection{{gateway, mongodb, tcp, 1053}, {gateway, mongodb, udp, 27017}},
		},
		"so is one of a connection that leaves": {
			policies: []string{"{podSelector: {matchLabels: {app: gateway}}, policyTypes: [Egress], egress: [{ports: [{port: mongodb}, {port: 9}]}]}"},
			allowed:  []connection{{gateway, mongodb, tcp, 27017}, {gateway, outside, tcp, 9}},
			refused:  []connection{{gateway, prometheus, tcp, 27017}, {gateway, outside, tcp, 27017}},
		},
		"a name that no port has allows nothing": {
			policies: []string{"{podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{ports: [{port: nothing}]}], egress: [{ports: [{port: nothing}]}]}"},
			refused:  []connection{{gateway, mongodb, tcp, 27017}, {outside, gateway, tcp, 80}},
		},
		"without types, rules for what leaves make the difference": {
			policies: []string{"{podSelector: {matchLabels: {app: gateway}}, egress: [{to: [{podSelector: {matchLabels: {app: mongodb}}}]}]}"},
			allowed:  []connection{{gateway, mongodb, tcp, 1}},
			refused:  []connection{{gateway, outside, tcp, 1}, {prometheus, gateway, tcp, 1}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			world := world
			world.Policies = policies(t, test.policies...)
			isolations := compile(world, "node-1")
			for _, try := range test.allowed {
				if !allowed(isolations, try) {
					t.Errorf("%v is refused", try)
				}
			}
			for _, try := range test.refused {
				if allowed(isolations, try) {
					t.Errorf("%v is allowed", try)
				}
			}
		})
	}
}

func TestPodsOfOtherNodesAreLeftToThem(t *testing.T) {
	world := world
	world.Policies = policies(t, "{podSelector: {}}")
	if found := compile(world, "node-2"); len(found) != 0 {
		t.Errorf("%v", found)
	}
}
