// Command programs is every program of a Kubernetes node in one file. It runs the one that it is
// named after, like busybox: /usr/local/bin/kubelet is a link to it and is the kubelet.
//
// All of them are the upstream command packages, unchanged. One file costs a fifth of the disk
// and of the build time of ten separate static programs, because they share nearly all their code.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// programs maps the name that the program is called by to its main function.
var programs = map[string]func(){
	"coredns":                 coreDNS,
	"etcd":                    etcd,
	"etcdctl":                 etcdctl,
	"etcdutl":                 etcdutl,
	"kube-apiserver":          kubeAPIServer,
	"kube-controller-manager": kubeControllerManager,
	"kube-proxy":              kubeProxy,
	"kube-scheduler":          kubeScheduler,
	"kubeadm":                 kubeadm,
	"kubectl":                 kubectl,
	"kubelet":                 kubelet,
}

func main() {
	name := filepath.Base(os.Args[0])
	run, known := programs[name]
	if !known {
		names := make([]string, 0, len(programs))
		for program := range programs {
			names = append(names, program)
		}
		sort.Strings(names)
		fmt.Fprintf(os.Stderr, "%s: call me by one of the names %s\n", name, strings.Join(names, ", "))
		os.Exit(2)
	}
	run()
}
