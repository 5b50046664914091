// Command netcheck runs on every node, as a pod, and answers whether this pod reaches others.
//
// Steading asks every instance of it, through the API server, to connect to all others, to
// Services and to resolve names. So a cluster's network is proved by packets, not by the state of
// objects: a missing route between two nodes makes every object look well.
//
//	GET  /healthz  200
//	POST /check    {"connect":["10.244.1.2:8080"],"resolve":["kubernetes.default"],"timeoutMs":2000}
//	               -> [{"target":"10.244.1.2:8080","ok":true,"ms":1}, …]
package main

import (
	"context"
	"encoding/json"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// Limits keep a mistaken or hostile request from turning a pod into a port scanner.
const (
	maxTargets = 1024
	maxTimeout = 10 * time.Second
	maxBody    = 1 << 20
)

type request struct {
	Connect   []string `json:"connect"`
	Resolve   []string `json:"resolve"`
	TimeoutMs int64    `json:"timeoutMs"`
}

type result struct {
	Target string `json:"target"`
	OK     bool   `json:"ok"`
	Error  string `json:"error,omitempty"`
	Ms     int64  `json:"ms"`
}

func main() {
	server := &http.Server{
		Addr:              ":8080",
		Handler:           handler(),
		ReadHeaderTimeout: 5 * time.Second,
	}
	log.Fatal(server.ListenAndServe())
}

func handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
	})
	mux.HandleFunc("POST /check", check)
	return mux
}

func check(w http.ResponseWriter, r *http.Request) {
	var asked request
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&asked); err != nil {
		http.Error(w, "not a request: "+err.Error(), http.StatusBadRequest)
		return
	}
	if len(asked.Connect)+len(asked.Resolve) > maxTargets {
		http.Error(w, "too many targets", http.StatusBadRequest)
		return
	}
	timeout := time.Duration(asked.TimeoutMs) * time.Millisecond
	if timeout <= 0 || timeout > maxTimeout {
		timeout = 2 * time.Second
	}
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(checkAll(ctx, asked)); err != nil {
		log.Printf("answering: %v", err)
	}
}

func checkAll(ctx context.Context, asked request) []result {
	results := make([]result, len(asked.Connect)+len(asked.Resolve))
	var all sync.WaitGroup
	run := func(i int, target string, try func(context.Context, string) error) {
		all.Go(func() {
			start := time.Now()
			err := try(ctx, target)
			results[i] = result{Target: target, OK: err == nil, Ms: time.Since(start).Milliseconds()}
			if err != nil {
				results[i].Error = err.Error()
			}
		})
	}
	for i, target := range asked.Connect {
		run(i, target, connect)
	}
	for i, name := range asked.Resolve {
		run(len(asked.Connect)+i, name, resolve)
	}
	all.Wait()
	return results
}

func connect(ctx context.Context, target string) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", target)
	if err != nil {
		return err
	}
	return conn.Close()
}

func resolve(ctx context.Context, name string) error {
	_, err := net.DefaultResolver.LookupHost(ctx, name)
	return err
}
