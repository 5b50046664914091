package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"syscall"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// volumes is the shared folder:
//
//	volumes/VOLUME/         the data
//	attached/VOLUME/NODE    one empty file for each node that the volume is attached to
type volumes struct{ root string }

// names are what volumes and nodes may be called: nothing that leads out of a folder.
var names = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,252}$`)

func checked(what, name string) error {
	if !names.MatchString(name) {
		return status.Errorf(codes.InvalidArgument, "%q is no name of a %s", name, what)
	}
	return nil
}

func (v volumes) data(volume string) string { return filepath.Join(v.root, "volumes", volume) }

func (v volumes) attachments(volume string) string { return filepath.Join(v.root, "attached", volume) }

// attach notes that a volume is attached to a node, to this one only where alone is true. Whether
// another node has it is asked under a lock of the volume: a controller that hung on another
// machine may come back at any time.
func (v volumes) attach(volume, node string, alone bool) error {
	return v.locked(volume, func(folder string) error {
		others, err := os.ReadDir(folder)
		if err != nil {
			return err
		}
		for _, other := range others {
			if alone && other.Name() != node {
				return status.Errorf(codes.FailedPrecondition,
					"volume %s is attached to node %s", volume, other.Name())
			}
		}
		// Whoever a pod runs as may write to its volume, as on a disk that is made for it.
		data := v.data(volume)
		if err := os.MkdirAll(data, 0o777); err != nil {
			return err
		}
		if err := os.Chmod(data, 0o777); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(folder, node), nil, 0o644)
	})
}

// detach takes a volume from a node, or from all where none is named.
func (v volumes) detach(volume, node string) error {
	return v.locked(volume, func(folder string) error {
		gone := []string{node}
		if node == "" {
			entries, err := os.ReadDir(folder)
			if err != nil {
				return err
			}
			gone = nil
			for _, entry := range entries {
				gone = append(gone, entry.Name())
			}
		}
		for _, name := range gone {
			if err := os.Remove(filepath.Join(folder, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
		return nil
	})
}

// attached tells whether a node has a volume.
func (v volumes) attached(volume, node string) (bool, error) {
	_, err := os.Stat(filepath.Join(v.attachments(volume), node))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// locked does something while nobody else changes the attachments of a volume.
func (v volumes) locked(volume string, act func(folder string) error) error {
	folder := v.attachments(volume)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	open, err := os.Open(folder)
	if err != nil {
		return err
	}
	// The lock goes with the open file.
	defer func() { _ = open.Close() }()
	if err := syscall.Flock(int(open.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("locking %s: %w", folder, err)
	}
	return act(folder)
}
