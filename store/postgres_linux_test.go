package store_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func init() { databases["postgres"] = freshPostgres }

var cluster = sync.OnceValues(startCluster)

var databaseNumber atomic.Int64

// freshPostgres gives a database in a cluster of the tests' own; it skips only
// where PostgreSQL is not installed.
func freshPostgres(t testing.TB) string {
	t.Helper()
	dir, err := cluster()
	if err != nil {
		t.Fatal(err)
	}
	if dir == "" {
		t.Skip("postgresql is not installed: no /usr/lib/postgresql/*/bin/postgres")
	}
	admin, err := sql.Open("pgx", "postgres://postgres@/postgres?host="+dir)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	name := fmt.Sprintf("t%d", databaseNumber.Add(1))
	if _, err := admin.ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return "postgres://postgres@/" + name + "?host=" + dir
}

// startCluster makes a cluster on a socket in a temporary folder and returns
// the folder; "" when there is no PostgreSQL.
func startCluster() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil || len(found) == 0 {
		return "", err
	}
	bin := filepath.Dir(found[len(found)-1])
	dir, err := os.MkdirTemp("", "offhook-pg")
	if err != nil {
		return "", err
	}
	cleanup = append(cleanup, func() { _ = os.RemoveAll(dir) })
	attr, err := unprivileged(dir)
	if err != nil {
		return "", err
	}
	data := filepath.Join(dir, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C")
	initdb.SysProcAttr, initdb.Dir = attr, dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return "", fmt.Errorf("initdb: %w: %s", err, out)
	}
	server := exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "fsync=off")
	var log bytes.Buffer
	server.SysProcAttr, server.Dir, server.Stderr = attr, dir, &log
	if err := server.Start(); err != nil {
		return "", err
	}
	cleanup = append([]func(){func() {
		_ = server.Process.Signal(syscall.SIGQUIT)
		_ = server.Wait()
	}}, cleanup...)
	return dir, awaitReady(bin, dir)
}

// awaitReady asks the server until it takes connections; the program that asks
// ships with it and there is nothing to wait on.
func awaitReady(bin, dir string) error {
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := exec.Command(filepath.Join(bin, "pg_isready"), "-q", "-t", "5", "-h", dir).Run()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		<-time.After(50 * time.Millisecond)
	}
}

// unprivileged makes programs run as the user postgres, or as nobody, when the
// tests run as root, which the server refuses; dir becomes theirs.
func unprivileged(dir string) (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
	if os.Getuid() != 0 {
		return attr, nil
	}
	who, err := user.Lookup("postgres")
	if err != nil {
		if who, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, err := strconv.Atoi(who.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(who.Gid)
	if err != nil {
		return nil, err
	}
	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return attr, os.Chown(dir, uid, gid)
}

func TestPostgresConnectionLoss(t *testing.T) {
	url := freshPostgres(t)
	db := open(t, optionsFor(url))
	write(t, db, insertTag("c", "before"))
	admin, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if _, err := admin.Exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"); err != nil {
		t.Fatal(err)
	}
	write(t, db, insertTag("c", "after"))
	if n := countTags(t, db, "c"); n != 2 {
		t.Errorf("%d rows, want both", n)
	}
}
