package offhook_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// floors reads the block of ARCHITECTURE.md that says which folder is on which
// floor.
func floors(t *testing.T) map[string]int {
	t.Helper()
	raw, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(raw), "<!-- floors -->")
	block, _, closed := strings.Cut(rest, "<!-- /floors -->")
	if !ok || !closed {
		t.Fatal("ARCHITECTURE.md has no floors block")
	}
	table := map[string]int{}
	for line := range strings.Lines(block) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		floor, err := strconv.Atoi(fields[0])
		if err != nil {
			t.Fatalf("floors: %q: %v", line, err)
		}
		for _, folder := range fields[1:] {
			table[folder] = floor
		}
	}
	return table
}

// place returns the folder of the table that a package belongs to: the longest
// that its path begins with.
func place(table map[string]int, pkg string) string {
	best := ""
	for folder := range table {
		if (pkg == folder || strings.HasPrefix(pkg, folder+"/")) && len(folder) > len(best) {
			best = folder
		}
	}
	return best
}

// listed is what `go list -json` says of a package.
type listed struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p listed
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

// TestImportsPointDown holds every package to the floors of ARCHITECTURE.md.
func TestImportsPointDown(t *testing.T) {
	table := floors(t)
	seen := map[string]bool{}
	for _, p := range packages(t) {
		from, ok := strings.CutPrefix(p.ImportPath, "offhook/")
		if !ok {
			continue
		}
		home := place(table, from)
		if home == "" {
			t.Errorf("%s is on no floor; give its folder a row in ARCHITECTURE.md", from)
			continue
		}
		seen[home] = true
		for _, imported := range p.Imports {
			to, ok := strings.CutPrefix(imported, "offhook/")
			if !ok {
				continue
			}
			there := place(table, to)
			if there == home {
				continue
			}
			if table[there] >= table[home] {
				t.Errorf("%s (floor %d) imports %s (floor %d); imports only point down", from, table[home], to, table[there])
			}
		}
	}
	for folder := range table {
		if !seen[folder] {
			t.Errorf("ARCHITECTURE.md lists %s, which has no Go package", folder)
		}
	}
}
