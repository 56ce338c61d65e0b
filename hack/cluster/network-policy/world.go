package main

import (
	"maps"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"
)

// World is what policies are about.
type World struct {
	Pods []Pod
	// The labels of each namespace.
	Namespaces map[string]map[string]string
	Policies   []*networkingv1.NetworkPolicy
}

// Pod is one with an address of its own.
type Pod struct {
	Namespace, Name, Node string
	Labels                map[string]string
	Address               netip.Addr
	Ports                 []corev1.ContainerPort
}

// podOf leaves out pods that policies do not reach: those in the network of their node, those that have ended and whose address
// may be another's now, and those without an address. A pod whose address the API does not tell yet may be among the known.
func podOf(pod *corev1.Pod, known map[types.UID]netip.Addr) (Pod, bool) {
	if pod.Spec.HostNetwork || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return Pod{}, false
	}
	address := known[pod.UID]
	for _, candidate := range pod.Status.PodIPs {
		if parsed, err := netip.ParseAddr(candidate.IP); !address.IsValid() && err == nil && parsed.Is4() {
			address = parsed
		}
	}
	var ports []corev1.ContainerPort
	for _, container := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		ports = append(ports, container.Ports...)
	}
	return Pod{
		Namespace: pod.Namespace,
		Name:      pod.Name,
		Node:      pod.Spec.NodeName,
		Labels:    maps.Clone(pod.Labels),
		Address:   address,
		Ports:     ports,
	}, address.IsValid()
}
