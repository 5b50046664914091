package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

func mode(of csi.VolumeCapability_AccessMode_Mode) *csi.VolumeCapability {
	return &csi.VolumeCapability{
		AccessType: &csi.VolumeCapability_Mount{Mount: &csi.VolumeCapability_MountVolume{}},
		AccessMode: &csi.VolumeCapability_AccessMode{Mode: of},
	}
}

var (
	one  = mode(csi.VolumeCapability_AccessMode_SINGLE_NODE_WRITER)
	many = mode(csi.VolumeCapability_AccessMode_MULTI_NODE_MULTI_WRITER)
)

func publish(c *controller, volume, node string, how *csi.VolumeCapability) codes.Code {
	_, err := c.ControllerPublishVolume(context.Background(), &csi.ControllerPublishVolumeRequest{
		VolumeId: volume, NodeId: node, VolumeCapability: how,
	})
	return status.Code(err)
}

func unpublish(t *testing.T, c *controller, volume, node string) {
	t.Helper()
	request := &csi.ControllerUnpublishVolumeRequest{VolumeId: volume, NodeId: node}
	if _, err := c.ControllerUnpublishVolume(context.Background(), request); err != nil {
		t.Fatal(err)
	}
}

func TestAVolumeOfOneNodeIsOnOneAtATime(t *testing.T) {
	c := &controller{volumes: volumes{root: t.TempDir()}}
	for _, step := range []struct {
		node string
		want codes.Code
	}{{"a", codes.OK}, {"a", codes.OK}, {"b", codes.FailedPrecondition}} {
		if got := publish(c, "data", step.node, one); got != step.want {
			t.Fatalf("%s: %v, not %v", step.node, got, step.want)
		}
	}
	unpublish(t, c, "data", "a")
	unpublish(t, c, "data", "a")
	if got := publish(c, "data", "b", one); got != codes.OK {
		t.Fatalf("it was let go, but: %v", got)
	}
	if got := publish(c, "other", "a", one); got != codes.OK {
		t.Fatalf("another volume: %v", got)
	}
}

func TestASharedVolumeIsOnSeveral(t *testing.T) {
	c := &controller{volumes: volumes{root: t.TempDir()}}
	for _, node := range []string{"a", "b"} {
		if got := publish(c, "data", node, many); got != codes.OK {
			t.Fatalf("%s: %v", node, got)
		}
	}
	unpublish(t, c, "data", "")
	if has, _ := c.volumes.attached("data", "a"); has {
		t.Fatal("it was taken from all")
	}
}

func TestNamesLeadNowhere(t *testing.T) {
	c := &controller{volumes: volumes{root: t.TempDir()}}
	for _, bad := range []string{"", "..", "../x", "a/b", "A", ".hidden"} {
		if got := publish(c, bad, "a", one); got != codes.InvalidArgument {
			t.Errorf("volume %q: %v", bad, got)
		}
		if got := publish(c, "data", bad, one); got != codes.InvalidArgument {
			t.Errorf("node %q: %v", bad, got)
		}
	}
}

func TestANodeGetsOnlyWhatIsAttachedToIt(t *testing.T) {
	root := t.TempDir()
	n := &nodeService{volumes: volumes{root: root}, name: "a"}
	target := filepath.Join(t.TempDir(), "mount")
	_, err := n.NodePublishVolume(context.Background(), &csi.NodePublishVolumeRequest{
		VolumeId: "data", TargetPath: target, VolumeCapability: one,
	})
	if status.Code(err) != codes.FailedPrecondition {
		t.Fatalf("not attached, but: %v", err)
	}
	// What was never mounted is let go all the same, and data never goes with it.
	if err := os.MkdirAll(target, 0o755); err != nil {
		t.Fatal(err)
	}
	request := &csi.NodeUnpublishVolumeRequest{VolumeId: "data", TargetPath: target}
	for range 2 {
		if _, err := n.NodeUnpublishVolume(context.Background(), request); err != nil {
			t.Fatal(err)
		}
	}
}

func TestKubeletFindsTheDriver(t *testing.T) {
	folder := t.TempDir()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	socket := filepath.Join(folder, "csi.sock")
	go func() {
		ended <- run(ctx, []string{"node", "--socket", socket, "--shared", folder, "--node", "a", "--registry", folder})
	}()
	dial := func(path string) *grpc.ClientConn {
		conn, err := grpc.NewClient("unix://"+path, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	wait, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	desk := registration.NewRegistrationClient(dial(filepath.Join(folder, Name+"-reg.sock")))
	info, err := desk.GetInfo(wait, &registration.InfoRequest{}, grpc.WaitForReady(true))
	if err != nil || info.GetName() != Name || info.GetType() != registration.CSIPlugin {
		t.Fatalf("%v: %v", info, err)
	}
	node, err := csi.NewNodeClient(dial(info.GetEndpoint())).NodeGetInfo(wait, &csi.NodeGetInfoRequest{}, grpc.WaitForReady(true))
	if err != nil || node.GetNodeId() != "a" {
		t.Fatalf("%v: %v", node, err)
	}
	// It may end before its answer arrives.
	_, _ = desk.NotifyRegistrationStatus(wait, &registration.RegistrationStatus{Error: "no"})
	if err := <-ended; err == nil {
		t.Fatal("refused, it goes on as if nothing were")
	}
	stop()
}
