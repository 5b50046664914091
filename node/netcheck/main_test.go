package main

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func ask(t *testing.T, body string) (int, []result) {
	t.Helper()
	server := httptest.NewServer(handler())
	defer server.Close()
	response, err := http.Post(server.URL+"/check", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var results []result
	if response.StatusCode == http.StatusOK {
		if err := json.NewDecoder(response.Body).Decode(&results); err != nil {
			t.Fatal(err)
		}
	}
	return response.StatusCode, results
}

func TestTellsReachableFromUnreachable(t *testing.T) {
	open, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	body, _ := json.Marshal(request{
		Connect: []string{open.Addr().String(), closed.Addr().String()},
		Resolve: []string{"localhost", "no.such.name.invalid"},
	})
	_, results := ask(t, string(body))
	if len(results) != 4 {
		t.Fatalf("want 4 results, got %v", results)
	}
	for i, want := range []bool{true, false, true, false} {
		if results[i].OK != want || (results[i].Error == "") != want {
			t.Errorf("%s: want ok=%v, got %+v", results[i].Target, want, results[i])
		}
	}
}

func TestRefusesWhatIsNoRequest(t *testing.T) {
	many := `{"connect":["` + strings.Repeat(`x","`, maxTargets) + `x"]}`
	for _, body := range []string{"", "{", "[]", many} {
		if status, _ := ask(t, body); status != http.StatusBadRequest {
			t.Errorf("%.20q: want 400, got %d", body, status)
		}
	}
}
