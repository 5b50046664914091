package main

import (
	"context"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// controller attaches volumes to nodes and takes them away.
type controller struct {
	csi.UnimplementedControllerServer
	volumes volumes
}

func (*controller) ControllerGetCapabilities(
	context.Context, *csi.ControllerGetCapabilitiesRequest,
) (*csi.ControllerGetCapabilitiesResponse, error) {
	attach := csi.ControllerServiceCapability_RPC_PUBLISH_UNPUBLISH_VOLUME
	return &csi.ControllerGetCapabilitiesResponse{Capabilities: []*csi.ControllerServiceCapability{{
		Type: &csi.ControllerServiceCapability_Rpc{
			Rpc: &csi.ControllerServiceCapability_RPC{Type: attach},
		},
	}}}, nil
}

func (c *controller) ControllerPublishVolume(
	_ context.Context, request *csi.ControllerPublishVolumeRequest,
) (*csi.ControllerPublishVolumeResponse, error) {
	volume, node := request.GetVolumeId(), request.GetNodeId()
	if err := checked("volume", volume); err != nil {
		return nil, err
	}
	if err := checked("node", node); err != nil {
		return nil, err
	}
	if err := supported(request.GetVolumeCapability()); err != nil {
		return nil, err
	}
	if err := c.volumes.attach(volume, node, alone(request.GetVolumeCapability())); err != nil {
		return nil, err
	}
	return &csi.ControllerPublishVolumeResponse{}, nil
}

func (c *controller) ControllerUnpublishVolume(
	_ context.Context, request *csi.ControllerUnpublishVolumeRequest,
) (*csi.ControllerUnpublishVolumeResponse, error) {
	volume, node := request.GetVolumeId(), request.GetNodeId()
	if err := checked("volume", volume); err != nil {
		return nil, err
	}
	if node != "" {
		if err := checked("node", node); err != nil {
			return nil, err
		}
	}
	if err := c.volumes.detach(volume, node); err != nil {
		return nil, err
	}
	return &csi.ControllerUnpublishVolumeResponse{}, nil
}

func (c *controller) ValidateVolumeCapabilities(
	_ context.Context, request *csi.ValidateVolumeCapabilitiesRequest,
) (*csi.ValidateVolumeCapabilitiesResponse, error) {
	for _, capability := range request.GetVolumeCapabilities() {
		if err := supported(capability); err != nil {
			return &csi.ValidateVolumeCapabilitiesResponse{Message: err.Error()}, nil
		}
	}
	return &csi.ValidateVolumeCapabilitiesResponse{
		Confirmed: &csi.ValidateVolumeCapabilitiesResponse_Confirmed{
			VolumeCapabilities: request.GetVolumeCapabilities(),
		},
	}, nil
}

// alone tells whether a volume is to be on one node at a time.
func alone(capability *csi.VolumeCapability) bool {
	switch capability.GetAccessMode().GetMode() {
	case csi.VolumeCapability_AccessMode_MULTI_NODE_READER_ONLY,
		csi.VolumeCapability_AccessMode_MULTI_NODE_SINGLE_WRITER,
		csi.VolumeCapability_AccessMode_MULTI_NODE_MULTI_WRITER:
		return false
	default:
		return true
	}
}

func supported(capability *csi.VolumeCapability) error {
	if capability.GetBlock() != nil {
		return status.Error(codes.InvalidArgument, "a folder is no block device")
	}
	return nil
}
