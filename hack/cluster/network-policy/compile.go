package main

import (
	"cmp"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Isolation is what one pod may do.
type Isolation struct {
	Pod Pod
	// Nil if any policy is absent that isolates the pod in this direction: then everything is allowed.
	Ingress, Egress *[]Allow
}

// Allow names connections: to (or from) any of the peers at any of the ports.
type Allow struct {
	// If set, from everywhere.
	Any    bool
	Pods   []netip.Addr
	Blocks []Block
	// None means all.
	Ports []Ports
}

// Block is a network less some parts of it.
type Block struct {
	Network netip.Prefix
	Except  []netip.Prefix
}

// Ports are those of a protocol, from the first to the last; all of it if both are zero.
type Ports struct {
	Protocol    corev1.Protocol
	First, Last int32
}

// compile tells what the pods of a node may do, in the order of their addresses.
func compile(world World, node string) []Isolation {
	slices.SortFunc(world.Policies, func(a, b *networkingv1.NetworkPolicy) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	var isolations []Isolation
	for _, pod := range world.Pods {
		if pod.Node != node {
			continue
		}
		isolation := Isolation{Pod: pod}
		for _, policy := range world.Policies {
			if policy.Namespace != pod.Namespace || !matches(&policy.Spec.PodSelector, pod.Labels) {
				continue
			}
			if hasType(policy, networkingv1.PolicyTypeIngress) {
				isolation.Ingress = with(isolation.Ingress, world.ingress(policy, pod))
			}
			if hasType(policy, networkingv1.PolicyTypeEgress) {
				isolation.Egress = with(isolation.Egress, world.egress(policy))
			}
		}
		if isolation.Ingress != nil || isolation.Egress != nil {
			isolations = append(isolations, isolation)
		}
	}
	slices.SortFunc(isolations, func(a, b Isolation) int { return a.Pod.Address.Compare(b.Pod.Address) })
	return isolations
}

func with(before *[]Allow, more []Allow) *[]Allow {
	if before != nil {
		more = append(*before, more...)
	}
	return &more
}

func hasType(policy *networkingv1.NetworkPolicy, wanted networkingv1.PolicyType) bool {
	if len(policy.Spec.PolicyTypes) > 0 {
		return slices.Contains(policy.Spec.PolicyTypes, wanted)
	}
	return wanted == networkingv1.PolicyTypeIngress || len(policy.Spec.Egress) > 0
}

func (world World) ingress(policy *networkingv1.NetworkPolicy, pod Pod) []Allow {
	var all []Allow
	for _, rule := range policy.Spec.Ingress {
		allow := world.peers(policy.Namespace, rule.From)
		for _, port := range rule.Ports {
			allow.Ports = append(allow.Ports, portsOf(port, pod)...)
		}
		// A name that the pod has no port for allows nothing, while no port at all would allow every one.
		if len(rule.Ports) == 0 || len(allow.Ports) > 0 {
			all = append(all, allow)
		}
	}
	return all
}

func (world World) egress(policy *networkingv1.NetworkPolicy) []Allow {
	var all []Allow
	for _, rule := range policy.Spec.Egress {
		allow := world.peers(policy.Namespace, rule.To)
		for _, port := range rule.Ports {
			if port.Port == nil || port.Port.Type == intstr.Int {
				allow.Ports = append(allow.Ports, portsOf(port, Pod{})...)
				continue
			}
			// What a name means is each peer's own matter.
			for _, peer := range world.Pods {
				if ports := portsOf(port, peer); len(ports) > 0 && (allow.Any || slices.Contains(allow.Pods, peer.Address)) {
					all = append(all, Allow{Pods: []netip.Addr{peer.Address}, Ports: ports})
				}
			}
		}
		if len(rule.Ports) == 0 || len(allow.Ports) > 0 {
			all = append(all, allow)
		}
	}
	return all
}

// portsOf tells what a port of a rule is at this pod, which matters for named ones.
func portsOf(port networkingv1.NetworkPolicyPort, pod Pod) []Ports {
	protocol := corev1.ProtocolTCP
	if port.Protocol != nil {
		protocol = *port.Protocol
	}
	switch {
	case port.Port == nil:
		return []Ports{{Protocol: protocol}}
	case port.Port.Type == intstr.Int && port.EndPort != nil:
		return []Ports{{Protocol: protocol, First: port.Port.IntVal, Last: *port.EndPort}}
	case port.Port.Type == intstr.Int:
		return []Ports{{Protocol: protocol, First: port.Port.IntVal, Last: port.Port.IntVal}}
	}
	var found []Ports
	for _, named := range pod.Ports {
		if named.Name == port.Port.StrVal && cmp.Or(named.Protocol, corev1.ProtocolTCP) == protocol {
			found = append(found, Ports{Protocol: protocol, First: named.ContainerPort, Last: named.ContainerPort})
		}
	}
	return found
}

func (world World) peers(namespace string, peers []networkingv1.NetworkPolicyPeer) Allow {
	allow := Allow{Any: len(peers) == 0}
	for _, peer := range peers {
		if peer.IPBlock != nil {
			if block, ok := blockOf(peer.IPBlock); ok {
				allow.Blocks = append(allow.Blocks, block)
			}
			continue
		}
		for _, pod := range world.Pods {
			inNamespace := pod.Namespace == namespace
			if peer.NamespaceSelector != nil {
				inNamespace = matches(peer.NamespaceSelector, world.Namespaces[pod.Namespace])
			}
			if inNamespace && (peer.PodSelector == nil || matches(peer.PodSelector, pod.Labels)) {
				allow.Pods = append(allow.Pods, pod.Address)
			}
		}
	}
	slices.SortFunc(allow.Pods, netip.Addr.Compare)
	allow.Pods = slices.Compact(allow.Pods)
	return allow
}

// blockOf leaves out networks of IPv6.
func blockOf(block *networkingv1.IPBlock) (Block, bool) {
	network, err := netip.ParsePrefix(block.CIDR)
	if err != nil || !network.Addr().Is4() {
		return Block{}, false
	}
	found := Block{Network: network.Masked()}
	for _, except := range block.Except {
		if part, err := netip.ParsePrefix(except); err == nil && part.Addr().Is4() {
			found.Except = append(found.Except, part.Masked())
		}
	}
	return found, true
}

func matches(selector *metav1.LabelSelector, of map[string]string) bool {
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && parsed.Matches(labels.Set(of))
}
