package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// The part of the configuration of a CNI plugin that matters here:
// https://github.com/containernetworking/cni/blob/spec-v0.4.0/SPEC.md
type configuration struct {
	Version string          `json:"cniVersion"`
	Socket  string          `json:"socket"`
	Before  json.RawMessage `json:"prevResult"`
}

// plugin is run by the container runtime after those that made the network of a pod, and before any container of the pod starts.
func plugin(environment func(string) string, input io.Reader, output io.Writer) int {
	command := environment("CNI_COMMAND")
	if command == "VERSION" {
		fmt.Fprintln(output, `{"cniVersion": "1.0.0", "supportedVersions": ["0.3.0", "0.3.1", "0.4.0", "1.0.0"]}`)
		return 0
	}
	// An address that is gone means nothing to the table.
	if command != "ADD" {
		return 0
	}
	var config configuration
	err := json.NewDecoder(input).Decode(&config)
	if err == nil {
		err = askGate(config, environment("CNI_ARGS"))
	}
	if err != nil {
		_ = json.NewEncoder(output).Encode(map[string]any{
			"cniVersion": config.Version, "code": 100, "msg": "network-policy: " + err.Error(),
		})
		return 1
	}
	_, _ = output.Write(config.Before)
	return 0
}

func askGate(config configuration, arguments string) error {
	pod := question{}
	for argument := range strings.SplitSeq(arguments, ";") {
		name, value, _ := strings.Cut(argument, "=")
		switch name {
		case "K8S_POD_NAMESPACE":
			pod.Namespace = value
		case "K8S_POD_NAME":
			pod.Name = value
		case "K8S_POD_UID":
			pod.UID = types.UID(value)
		}
	}
	address, err := addressOf(config.Before)
	if err != nil {
		return err
	}
	pod.Address = address

	connection, err := net.DialTimeout("unix", config.Socket, time.Second)
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close() }()
	_ = connection.SetDeadline(time.Now().Add(3 * untilKnown))
	if err := json.NewEncoder(connection).Encode(pod); err != nil {
		return err
	}
	var answer string
	if err := json.NewDecoder(connection).Decode(&answer); err != nil {
		return err
	}
	if answer != "" {
		return errors.New(answer)
	}
	return nil
}

// addressOf finds the pod's address in what the plugins before have done.
func addressOf(before json.RawMessage) (netip.Addr, error) {
	var result struct {
		Addresses []struct {
			Address netip.Prefix `json:"address"`
		} `json:"ips"`
	}
	if err := json.Unmarshal(before, &result); err != nil {
		return netip.Addr{}, fmt.Errorf("prevResult: %w", err)
	}
	for _, found := range result.Addresses {
		if found.Address.Addr().Is4() {
			return found.Address.Addr(), nil
		}
	}
	return netip.Addr{}, errors.New("the pod has no IPv4 address")
}
