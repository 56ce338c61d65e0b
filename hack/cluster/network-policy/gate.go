package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/netip"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/types"
	corelisters "k8s.io/client-go/listers/core/v1"
)

// The kubelet may know of a new pod a little before this program does.
const untilKnown = 5 * time.Second

// question is what the CNI plugin asks for a new pod, and "" is the answer when it may start.
type question struct {
	Namespace, Name string
	UID             types.UID
	Address         netip.Addr
}

// gate lets new pods start as soon as the table knows them.
type gate struct {
	pods     corelisters.PodLister
	starting chan<- starting
}

func (gate gate) listen(ctx context.Context, path string) error {
	_ = os.Remove(path)
	listener, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	go func() {
		<-ctx.Done()
		_ = listener.Close()
	}()
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go gate.serve(ctx, connection)
		}
	}()
	return nil
}

func (gate gate) serve(ctx context.Context, connection net.Conn) {
	defer func() { _ = connection.Close() }()
	_ = connection.SetDeadline(time.Now().Add(2 * untilKnown))
	var pod question
	if err := json.NewDecoder(connection).Decode(&pod); err != nil {
		log.Print(err)
		return
	}
	answer := ""
	if err := gate.admit(ctx, pod); err != nil {
		answer = err.Error()
		log.Print(answer)
	}
	_ = json.NewEncoder(connection).Encode(answer)
}

func (gate gate) admit(ctx context.Context, pod question) error {
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		// The one before it may have had the same name.
		found, err := gate.pods.Pods(pod.Namespace).Get(pod.Name)
		if err == nil && found.UID == pod.UID {
			break
		}
		if time.Since(begun) > untilKnown || ctx.Err() != nil {
			return fmt.Errorf("pod %s/%s (%s) is not known", pod.Namespace, pod.Name, pod.UID)
		}
	}
	done := make(chan error, 1)
	select {
	case gate.starting <- starting{pod.UID, pod.Address, done}:
		return <-done
	case <-ctx.Done():
		return ctx.Err()
	}
}
