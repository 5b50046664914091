package main

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestItGoesOnWhereItWas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "count.json")
	first, err := open(path, "one")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := first.count(); err != nil {
			t.Fatal(err)
		}
	}
	second, err := open(path, "two")
	if err != nil {
		t.Fatal(err)
	}
	if want := (state{Count: 5, From: "two", Starts: 2}); second.now != want {
		t.Fatalf("%+v, not %+v", second.now, want)
	}
	answer := httptest.NewRecorder()
	second.handler().ServeHTTP(answer, httptest.NewRequest("GET", "/", nil))
	if !strings.Contains(answer.Body.String(), `"count":5`) {
		t.Fatal(answer.Body)
	}
}

func TestWhatCannotBeReadIsNotBegunAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "count.json")
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := open(path, "one"); err == nil {
		t.Fatal("a broken number was taken for none")
	}
}
