package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/etcdctl/v3/ctlv3"
	utl "go.etcd.io/etcd/etcdutl/v3/etcdutl"
	"go.etcd.io/etcd/server/v3/etcdmain"
)

func etcd() { etcdmain.Main(os.Args) }

func etcdctl() { ctlv3.MustStart() }

// etcdutl has its main function to itself upstream; of its commands nodes need what works on
// snapshots.
func etcdutl() {
	root := &cobra.Command{Use: "etcdutl", SilenceUsage: true}
	root.PersistentFlags().StringVarP(&utl.OutputFormat, "write-out", "w", "simple", "the output format")
	root.AddCommand(utl.NewSnapshotCommand(), utl.NewHashKVCommand())
	if err := root.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
