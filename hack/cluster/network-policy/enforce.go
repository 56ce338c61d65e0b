package main

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"net/netip"
	"os/exec"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	networkinglisters "k8s.io/client-go/listers/networking/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

// Changes come in bursts: the table is written once for those that come within this time.
const burst = 20 * time.Millisecond

type enforcer struct {
	node       string
	pods       corelisters.PodLister
	namespaces corelisters.NamespaceLister
	policies   networkinglisters.NetworkPolicyLister
	// Something has changed.
	changed chan struct{}
	// Pods that are about to start.
	starting chan starting
	// Addresses of pods that the API does not tell yet.
	known map[types.UID]netip.Addr
	// The table as it was written last.
	written string
}

// starting is a pod that waits until the table knows it.
type starting struct {
	uid     types.UID
	address netip.Addr
	done    chan<- error
}

func enforce(ctx context.Context, node, kubeconfig, socket string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	config.ContentType = "application/vnd.kubernetes.protobuf"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	enforcer := &enforcer{
		node:     node,
		changed:  make(chan struct{}, 1),
		starting: make(chan starting),
		known:    map[types.UID]netip.Addr{},
	}
	if err := enforcer.watch(ctx, client); err != nil {
		return err
	}
	// First of all once: whoever asks for a new pod after that finds the table there.
	if err := enforcer.write(ctx); err != nil {
		return err
	}
	gate := gate{pods: enforcer.pods, starting: enforcer.starting}
	if err := gate.listen(ctx, socket); err != nil {
		return err
	}
	enforcer.run(ctx)
	return nil
}

func (enforcer *enforcer) watch(ctx context.Context, client kubernetes.Interface) error {
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTransform(withoutManagers))
	core, networking := factory.Core().V1(), factory.Networking().V1()
	enforcer.pods = core.Pods().Lister()
	enforcer.namespaces = core.Namespaces().Lister()
	enforcer.policies = networking.NetworkPolicies().Lister()
	changed := func() {
		select {
		case enforcer.changed <- struct{}{}:
		default:
		}
	}
	for _, informer := range []cache.SharedIndexInformer{
		core.Pods().Informer(), core.Namespaces().Informer(), networking.NetworkPolicies().Informer(),
	} {
		_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    func(any) { changed() },
			UpdateFunc: func(any, any) { changed() },
			DeleteFunc: func(any) { changed() },
		})
		if err != nil {
			return err
		}
	}
	factory.Start(ctx.Done())
	for kind, synced := range factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			return fmt.Errorf("cannot list %s", kind)
		}
	}
	return nil
}

// withoutManagers keeps a good half of each object out of memory.
func withoutManagers(object any) (any, error) {
	if accessor, err := meta.Accessor(object); err == nil {
		accessor.SetManagedFields(nil)
	}
	return object, nil
}

func (enforcer *enforcer) run(ctx context.Context) {
	for {
		var waiting []chan<- error
		hear := func(pod starting) {
			enforcer.known[pod.uid] = pod.address
			waiting = append(waiting, pod.done)
		}
		select {
		case <-ctx.Done():
			return
		case <-enforcer.changed:
		case pod := <-enforcer.starting:
			hear(pod)
		}
		for more := time.After(burst); more != nil; {
			select {
			case pod := <-enforcer.starting:
				hear(pod)
			case <-more:
				more = nil
			}
		}
		err := enforcer.write(ctx)
		for _, done := range waiting {
			done <- err
		}
		if err != nil {
			log.Print(err)
			time.Sleep(time.Second)
			select {
			case enforcer.changed <- struct{}{}:
			default:
			}
		}
	}
}

// write brings the table up to date.
func (enforcer *enforcer) write(ctx context.Context) error {
	world, err := enforcer.world()
	if err != nil {
		return err
	}
	table := render(compile(world, enforcer.node))
	if table == enforcer.written {
		return nil
	}
	nft := exec.CommandContext(ctx, "nft", "-f", "-")
	nft.Stdin = bytes.NewBufferString(table)
	if said, err := nft.CombinedOutput(); err != nil {
		return fmt.Errorf("nft: %w: %s\n%s", err, said, table)
	}
	enforcer.written = table
	return nil
}

func (enforcer *enforcer) world() (World, error) {
	pods, err := enforcer.pods.List(labels.Everything())
	if err != nil {
		return World{}, err
	}
	namespaces, err := enforcer.namespaces.List(labels.Everything())
	if err != nil {
		return World{}, err
	}
	policies, err := enforcer.policies.List(labels.Everything())
	if err != nil {
		return World{}, err
	}
	world := World{Namespaces: map[string]map[string]string{}, Policies: policies}
	for _, namespace := range namespaces {
		world.Namespaces[namespace.Name] = namespace.Labels
	}
	there := map[types.UID]bool{}
	for _, pod := range pods {
		there[pod.UID] = true
		if found, ok := podOf(pod, enforcer.known); ok {
			world.Pods = append(world.Pods, found)
		}
	}
	for uid := range enforcer.known {
		if !there[uid] {
			delete(enforcer.known, uid)
		}
	}
	return world, nil
}
