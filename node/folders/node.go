package main

import (
	"context"
	"errors"
	"os"
	"syscall"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// nodeService binds volumes into the pods of one node.
type nodeService struct {
	csi.UnimplementedNodeServer
	volumes volumes
	name    string
}

func (n *nodeService) NodeGetInfo(context.Context, *csi.NodeGetInfoRequest) (*csi.NodeGetInfoResponse, error) {
	return &csi.NodeGetInfoResponse{NodeId: n.name}, nil
}

func (*nodeService) NodeGetCapabilities(
	context.Context, *csi.NodeGetCapabilitiesRequest,
) (*csi.NodeGetCapabilitiesResponse, error) {
	return &csi.NodeGetCapabilitiesResponse{}, nil
}

func (n *nodeService) NodePublishVolume(
	_ context.Context, request *csi.NodePublishVolumeRequest,
) (*csi.NodePublishVolumeResponse, error) {
	volume, target := request.GetVolumeId(), request.GetTargetPath()
	if err := checked("volume", volume); err != nil {
		return nil, err
	}
	if target == "" {
		return nil, status.Error(codes.InvalidArgument, "there is no target path")
	}
	if err := supported(request.GetVolumeCapability()); err != nil {
		return nil, err
	}
	// A node that was away may believe that it still has the volume.
	has, err := n.volumes.attached(volume, n.name)
	if err != nil {
		return nil, err
	}
	if !has {
		return nil, status.Errorf(codes.FailedPrecondition,
			"volume %s is not attached to node %s", volume, n.name)
	}
	if err := os.MkdirAll(target, 0o750); err != nil {
		return nil, err
	}
	if err := bind(n.volumes.data(volume), target, request.GetReadonly()); err != nil {
		return nil, err
	}
	return &csi.NodePublishVolumeResponse{}, nil
}

func (*nodeService) NodeUnpublishVolume(
	_ context.Context, request *csi.NodeUnpublishVolumeRequest,
) (*csi.NodeUnpublishVolumeResponse, error) {
	target := request.GetTargetPath()
	if target == "" {
		return nil, status.Error(codes.InvalidArgument, "there is no target path")
	}
	for {
		err := syscall.Unmount(target, 0)
		// Nothing is mounted there any more, or it is not there.
		if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOENT) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	// Only the place, never what is in it: were it still mounted, that would be the data.
	if err := os.Remove(target); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return &csi.NodeUnpublishVolumeResponse{}, nil
}

// bind mounts a folder at another place, unless it is there already.
func bind(from, to string, readOnly bool) error {
	source, err := os.Stat(from)
	if err != nil {
		return err
	}
	place, err := os.Stat(to)
	if err != nil {
		return err
	}
	if !os.SameFile(source, place) {
		if err := syscall.Mount(from, to, "", syscall.MS_BIND, ""); err != nil {
			return err
		}
	}
	if !readOnly {
		return nil
	}
	return syscall.Mount("", to, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, "")
}
