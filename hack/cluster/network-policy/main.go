// Enforces NetworkPolicies on one node of the cluster for tests: `network-policy enforce` watches pods, namespaces and policies
// and keeps one nftables table as they say. Started by the container runtime as a CNI plugin, the same program holds back a new
// pod until the table knows it, so that no pod ever runs without its policies.
//
// IPv4 only. What is not a pod of this node is not isolated: neither the node itself nor pods in its network.
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if os.Getenv("CNI_COMMAND") != "" {
		os.Exit(plugin(os.Getenv, os.Stdin, os.Stdout))
	}
	flags := flag.NewFlagSet("network-policy enforce", flag.ExitOnError)
	node := flags.String("node", "", "the name of this node")
	kubeconfig := flags.String("kubeconfig", "", "how to reach the API server")
	socket := flags.String("socket", "", "where to listen for new pods")
	if len(os.Args) < 2 || os.Args[1] != "enforce" {
		log.Fatal("usage: network-policy enforce --node NAME --kubeconfig FILE --socket FILE")
	}
	_ = flags.Parse(os.Args[2:])

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := enforce(ctx, *node, *kubeconfig, *socket); err != nil {
		log.Fatal(err)
	}
}
