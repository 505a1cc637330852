package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A second server on the same folder is refused before it touches anything,
// whatever its ports are; when the first has gone, the folder is free.
func TestDataDirIsForOneServer(t *testing.T) {
	cfg := DefaultConfig()
	cfg.DataDir, cfg.AccessKey, cfg.HTTP.Listen, cfg.SIP.Listen = t.TempDir(), testKey, "127.0.0.1:0", nil
	cfg.RTP.Ports, cfg.ShutdownTimeout = "40000-44999", 0
	first, err := openDataDir(cfg.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	if _, err := Start(t.Context(), cfg, log, t.Output()); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("is in use by another offhook (process %d)", os.Getpid())) {
		t.Fatalf("error %v", err)
	}
	if left := entries(t, cfg.DataDir); !slices.Equal(left, []string{"server"}) {
		t.Errorf("the refused server made %q", left)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := Start(t.Context(), cfg, log, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Stop(); err != nil {
		t.Error(err)
	}
	third, err := openDataDir(cfg.DataDir)
	if err != nil {
		t.Fatal("not given back: ", err)
	}
	third.Close()
}

func entries(t *testing.T, dir string) (names []string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

// What the next process learns is when this one last ran, to a second.
func TestLastAlive(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d, err := openDataDir(dir)
		if err != nil || !d.lastAlive.IsZero() {
			t.Fatalf("last alive %v in a new folder, %v", d.lastAlive, err)
		}
		want := time.Now().Add(90 * time.Second)
		d.keepBeating(func(err error) { t.Error(err) })
		time.Sleep(90*time.Second + heartbeat/2)
		d.Close() // as a kill does
		time.Sleep(time.Hour)
		next, err := openDataDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer next.Close()
		if !next.lastAlive.Equal(want) {
			t.Errorf("last alive %v, want %v", next.lastAlive, want)
		}
	})
	for _, rubbish := range []string{"", "x", "12", "12 yesterday"} {
		if err := os.WriteFile(filepath.Join(dir, "server"), []byte(rubbish), 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := openDataDir(dir)
		if err != nil || !d.lastAlive.IsZero() {
			t.Errorf("%q: last alive %v, %v", rubbish, d.lastAlive, err)
		}
		d.Close()
	}
}
