// Command folders makes folders that all machines of a lab share into volumes of Kubernetes.
//
// A CSI driver for labs whose nodes are containers of one machine: a volume is a folder below the
// shared one, and bound into pods. That alone would let any number of nodes write to it at once, as
// no real block device does; so attachments are real: an attachment is a file beside the volumes, a
// volume of one node has one of them at a time, and a node that has none does not get the volume.
//
//	folders controller --socket PATH --shared DIR
//	folders node       --socket PATH --shared DIR --node NAME --registry DIR
//
// `controller` answers the external-attacher, `node` answers kubelet, and registers itself there.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

// Name is the driver's name, as volumes and classes say it.
const Name = "folders.steading.dev"

// version is set by the build.
var version = "dev"

func main() {
	log.SetFlags(0)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		log.Fatalf("folders: %v", err)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("say controller or node")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	socket := flags.String("socket", "", "where the driver answers")
	shared := flags.String("shared", "", "the folder that all machines share")
	node := flags.String("node", "", "this node's name")
	registry := flags.String("registry", "", "the folder where kubelet looks for plugins")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	if *socket == "" || *shared == "" {
		return errors.New("--socket and --shared are needed")
	}
	if info, err := os.Stat(*shared); err != nil || !info.IsDir() {
		return fmt.Errorf("%s is not there: the machine does not see the shared folder", *shared)
	}
	volumes := volumes{root: *shared}
	server := grpc.NewServer()
	switch args[0] {
	case "controller":
		csi.RegisterIdentityServer(server, identity{controller: true})
		csi.RegisterControllerServer(server, &controller{volumes: volumes})
		return serve(ctx, server, *socket)
	case "node":
		if *node == "" || *registry == "" {
			return errors.New("--node and --registry are needed")
		}
		csi.RegisterIdentityServer(server, identity{})
		csi.RegisterNodeServer(server, &nodeService{volumes: volumes, name: *node})
		return serveNode(ctx, server, *socket, *registry)
	default:
		return fmt.Errorf("%s is neither controller nor node", args[0])
	}
}

// serveNode answers kubelet, and tells it where: kubelet finds the second socket by its folder.
func serveNode(ctx context.Context, server *grpc.Server, socket, registry string) error {
	failed := make(chan error, 3)
	desk := grpc.NewServer()
	registration.RegisterRegistrationServer(desk, &registrar{endpoint: socket, refused: failed})
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() { failed <- serve(ctx, server, socket) }()
	go func() { failed <- serve(ctx, desk, filepath.Join(registry, Name+"-reg.sock")) }()
	return <-failed
}

// serve answers on a socket until ctx ends. A socket of a program that was killed is in the way.
func serve(ctx context.Context, server *grpc.Server, socket string) error {
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, server.Stop)
	return server.Serve(listener)
}
