package main

import (
	"context"
	"fmt"

	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

// registrar tells kubelet of this driver. Kubelet asks it as soon as it finds its socket, and again
// whenever kubelet starts anew.
type registrar struct {
	registration.UnimplementedRegistrationServer
	endpoint string
	refused  chan<- error
}

func (r *registrar) GetInfo(context.Context, *registration.InfoRequest) (*registration.PluginInfo, error) {
	return &registration.PluginInfo{
		Type:              registration.CSIPlugin,
		Name:              Name,
		Endpoint:          r.endpoint,
		SupportedVersions: []string{"1.0.0"},
	}, nil
}

// NotifyRegistrationStatus ends the program where kubelet refuses it: started anew, it is asked again.
func (r *registrar) NotifyRegistrationStatus(
	_ context.Context, status *registration.RegistrationStatus,
) (*registration.RegistrationStatusResponse, error) {
	if !status.GetPluginRegistered() {
		select {
		case r.refused <- fmt.Errorf("kubelet refused the driver: %s", status.GetError()):
		default:
		}
	}
	return &registration.RegistrationStatusResponse{}, nil
}
