package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
)

const before = `{"cniVersion":"0.4.0","ips":[{"version":"4","address":"10.81.1.5/24","gateway":"10.81.1.1"}]}`

// run is what the plugin answers, and how it ends.
func run(command, socket string) (string, int) {
	environment := map[string]string{
		"CNI_COMMAND": command,
		"CNI_ARGS":    "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=gateway;K8S_POD_UID=1",
	}
	input := fmt.Sprintf(`{"cniVersion": "0.4.0", "type": "network-policy", "socket": %q, "prevResult": %s}`, socket, before)
	var output strings.Builder
	status := plugin(func(name string) string { return environment[name] }, strings.NewReader(input), &output)
	return output.String(), status
}

func TestAPodStartsWhenTheTableKnowsItsAddress(t *testing.T) {
	index := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{})
	if err := index.Add(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "gateway", UID: "1"}}); err != nil {
		t.Fatal(err)
	}
	starts := make(chan starting)
	socket := filepath.Join(t.TempDir(), "socket")
	if err := (gate{corelisters.NewPodLister(index), starts}).listen(t.Context(), socket); err != nil {
		t.Fatal(err)
	}
	go func() {
		pod := <-starts
		if pod.uid != "1" || pod.address != netip.MustParseAddr("10.81.1.5") {
			t.Errorf("%v", pod)
		}
		pod.done <- nil
		(<-starts).done <- context.DeadlineExceeded
	}()

	if output, status := run("ADD", socket); status != 0 || output != before {
		t.Errorf("%d: %s", status, output)
	}
	output, status := run("ADD", socket)
	var failure struct {
		Code int    `json:"code"`
		Text string `json:"msg"`
	}
	if err := json.Unmarshal([]byte(output), &failure); err != nil || status == 0 || failure.Code == 0 ||
		failure.Text != "network-policy: context deadline exceeded" {
		t.Errorf("%v, %d: %s", err, status, output)
	}
}

func TestAPodDoesNotStartWhenNobodyEnforces(t *testing.T) {
	if output, status := run("ADD", filepath.Join(t.TempDir(), "nobody")); status == 0 || !strings.Contains(output, `"msg"`) {
		t.Errorf("%d: %s", status, output)
	}
}

func TestAPodMayAlwaysEnd(t *testing.T) {
	if output, status := run("DEL", "/nowhere"); status != 0 || output != "" {
		t.Errorf("%d: %s", status, output)
	}
}
