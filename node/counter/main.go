// Command counter writes a growing number to its volume, and tells it: an application whose data
// can be seen to survive, or not.
//
//	GET /         {"count":42,"from":"counter-0","starts":2}
//	GET /healthz  200
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// state is what lies on the volume.
type state struct {
	Count  uint64 `json:"count"`
	From   string `json:"from"`
	Starts uint64 `json:"starts"`
}

type counter struct {
	path string
	lock sync.Mutex
	now  state
}

func main() {
	folder := flag.String("data", "/data", "the folder of its volume")
	every := flag.Duration("every", 500*time.Millisecond, "how often it counts")
	listen := flag.String("listen", ":8080", "where it answers")
	flag.Parse()
	host, err := os.Hostname()
	if err != nil {
		log.Fatal(err)
	}
	counter, err := open(filepath.Join(*folder, "count.json"), host)
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		for range time.Tick(*every) {
			if err := counter.count(); err != nil {
				log.Fatal(err)
			}
		}
	}()
	server := &http.Server{Addr: *listen, Handler: counter.handler(), ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// open reads the number that was written last. One that cannot be read is not begun anew: that
// would look as if nothing were lost.
func open(path, host string) (*counter, error) {
	opened := &counter{path: path}
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		if err := json.Unmarshal(text, &opened.now); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	opened.now.From = host
	opened.now.Starts++
	return opened, opened.count()
}

// count writes the next number, so that it is told only once it is on the disk.
func (c *counter) count() error {
	c.lock.Lock()
	defer c.lock.Unlock()
	next := c.now
	next.Count++
	text, err := json.Marshal(next)
	if err != nil {
		return err
	}
	if err := replace(c.path, text); err != nil {
		return err
	}
	c.now = next
	return nil
}

func (c *counter) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		c.lock.Lock()
		now := c.now
		c.lock.Unlock()
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(now); err != nil {
			log.Printf("answering: %v", err)
		}
	})
	return mux
}

// replace writes a file whole or not at all, whatever is killed when.
func replace(path string, text []byte) error {
	beside := path + ".new"
	file, err := os.Create(beside)
	if err != nil {
		return err
	}
	if _, err := file.Write(text); err != nil {
		return errors.Join(err, file.Close())
	}
	if err := file.Sync(); err != nil {
		return errors.Join(err, file.Close())
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Rename(beside, path)
}
