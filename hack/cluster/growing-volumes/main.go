// Provisions volumes that can grow, for claims of the class `growing`: one file per volume in the folder of the node that the
// scheduler chose, with a file system of its own. The node makes, mounts and grows it (../node/flex-volume.sh); here only the
// volume's object is made, and its file removed in the end.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v10/controller"
)

// The name of the StorageClass's provisioner, and of the kubelet's driver.
const (
	provisionerName = "shopplatform.io/growing"
	driverName      = "shopplatform.io/growing"
)

// The smallest file system that mkfs.xfs makes.
const least = 300 << 20

func main() {
	kubeconfig := flag.String("kubeconfig", "", "how to reach the API server")
	nodes := flag.String("nodes", "", "the folder with a folder for each node")
	flag.Parse()
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		klog.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	controller.NewProvisionController(
		klog.FromContext(ctx), kubernetes.NewForConfigOrDie(config), provisionerName, provisioner{*nodes},
		controller.LeaderElection(false),
	).Run(ctx)
}

type provisioner struct {
	nodes string
}

func (provisioner) Provision(
	_ context.Context, options controller.ProvisionOptions,
) (*corev1.PersistentVolume, controller.ProvisioningState, error) {
	claim := options.PVC.Spec
	if options.SelectedNode == nil {
		return nil, controller.ProvisioningFinished, fmt.Errorf("the class has to wait for the first pod (WaitForFirstConsumer)")
	}
	if claim.VolumeMode != nil && *claim.VolumeMode != corev1.PersistentVolumeFilesystem {
		return nil, controller.ProvisioningFinished, fmt.Errorf("only file systems are provisioned, no block devices")
	}
	requested := claim.Resources.Requests[corev1.ResourceStorage]
	size := requested.DeepCopy()
	if size.Value() < least {
		size.Set(least)
	}
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: options.PVName},
		Spec: corev1.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: *options.StorageClass.ReclaimPolicy,
			AccessModes:                   claim.AccessModes,
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: size},
			PersistentVolumeSource: corev1.PersistentVolumeSource{
				FlexVolume: &corev1.FlexPersistentVolumeSource{
					Driver:  driverName,
					FSType:  "xfs",
					Options: map[string]string{"size": strconv.FormatInt(size.Value(), 10)},
				},
			},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{
				NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{{
					Key:      corev1.LabelHostname,
					Operator: corev1.NodeSelectorOpIn,
					Values:   []string{options.SelectedNode.Name},
				}}}},
			}},
		},
	}, controller.ProvisioningFinished, nil
}

// Delete removes the file, on whichever node it is.
func (provisioner provisioner) Delete(_ context.Context, volume *corev1.PersistentVolume) error {
	files, err := filepath.Glob(filepath.Join(provisioner.nodes, "node-*", "growing", volume.Name+".img"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := os.Remove(file); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}
