package main

import (
	"os"

	"go.etcd.io/etcd/etcdctl/v3/ctlv3"
	"go.etcd.io/etcd/server/v3/etcdmain"
)

func etcd() { etcdmain.Main(os.Args) }

func etcdctl() { ctlv3.MustStart() }
