package store_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// crashVariable holds the database of the child process that is killed.
const crashVariable = "OFFHOOK_TEST_STORE_URL"

// writeUntilKilled inserts rows with an event each from several goroutines and
// prints each id once its Write has returned.
func writeUntilKilled(url string) {
	db, err := store.Open(context.Background(), store.Options{URL: url})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for writer := range 4 {
		go func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%d", writer, i)
				if err := db.Write(context.Background(), func(tx *store.Tx) error {
					if err := insertTag("c", id)(tx); err != nil {
						return err
					}
					return tx.Emit(resource.Event{CustomerID: "c", Type: "tag_created", OrderKey: "c", ResourceID: id})
				}); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				fmt.Println(id)
			}
		}()
	}
	select {}
}

func TestKillLosesNothingAcknowledged(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		prepare := open(t, store.Options{URL: url})
		write(t, prepare, func(tx *store.Tx) error {
			return rows.Customers.Insert(tx, &resource.Customer{Identity: identity("c", "c"), WebhookURI: "http://127.0.0.1:1/"})
		})
		if err := prepare.Close(); err != nil {
			t.Fatal(err)
		}
		child := exec.Command(os.Args[0], "-test.run=^$")
		child.Env = append(os.Environ(), crashVariable+"="+url)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		var acknowledged []string
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if acknowledged = append(acknowledged, lines.Text()); len(acknowledged) == 300 {
				if err := child.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := child.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Fatalf("child ended with %v", err)
		}
		checkAcknowledged(t, open(t, store.Options{URL: url}), acknowledged)
	})
}

func checkAcknowledged(t *testing.T, db *store.DB, acknowledged []string) {
	t.Helper()
	pending := map[string]bool{}
	for after := int64(0); ; {
		list, err := db.Pending(t.Context(), resource.Endpoint{CustomerID: "c"}, after, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 {
			break
		}
		for _, d := range list {
			pending[d.Event.ResourceID] = true
			after = d.Seq
		}
	}
	for _, id := range acknowledged {
		if _, err := rows.Tags.Load(t.Context(), db, "c", id); err != nil {
			t.Errorf("acknowledged row: %v", err)
		}
		if !pending[id] {
			t.Errorf("event of acknowledged row %s is not in the outbox", id)
		}
	}
	if n := countTags(t, db, "c"); n != len(pending) {
		t.Errorf("%d rows but %d events: a row and its event are one transaction", n, len(pending))
	}
}
