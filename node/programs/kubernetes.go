package main

import (
	"context"
	"os"

	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"          // JSON as a log format
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // client metrics
	_ "k8s.io/component-base/metrics/prometheus/version"  // version metric

	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubeadmapp "k8s.io/kubernetes/cmd/kubeadm/app"
	kubeadmerrors "k8s.io/kubernetes/cmd/kubeadm/app/util/errors"
	kubeletapp "k8s.io/kubernetes/cmd/kubelet/app"

	_ "k8s.io/client-go/plugin/pkg/client/auth" // credential plugins for kubectl
	"k8s.io/component-base/logs"
	kubectlcmd "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
)

func kubeAPIServer() { os.Exit(cli.Run(apiserver.NewAPIServerCommand())) }

func kubeControllerManager() { os.Exit(cli.Run(controllermanager.NewControllerManagerCommand())) }

func kubeScheduler() { os.Exit(cli.Run(scheduler.NewSchedulerCommand())) }

func kubeProxy() { os.Exit(cli.Run(proxy.NewProxyCommand())) }

func kubelet() { os.Exit(cli.Run(kubeletapp.NewKubeletCommand(context.Background()))) }

func kubeadm() { kubeadmerrors.HandleError(kubeadmapp.Run()) }

func kubectl() {
	// kubectl reads its verbosity before it parses its flags, as in its own main function.
	_, _ = logs.GlogSetter(kubectlcmd.GetLogVerbosity(os.Args))
	if err := cli.RunNoErrOutput(kubectlcmd.NewDefaultKubectlCommand()); err != nil {
		kubectlutil.CheckErr(err)
	}
}
