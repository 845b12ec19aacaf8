package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// write puts a file of lines into dir; a space in a line stands for a tab.
func write(t *testing.T, dir, name string, lines ...string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	text := strings.ReplaceAll(strings.Join(lines, "\n")+"\n", " ", "\t")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func codes(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(args, &out, &err)
	return code, out.String(), err.String()
}

func TestTheTableInTheRepositoryIsUpToDate(t *testing.T) {
	code, out, errs := codes("-check", "-source", "../../testdata/codes.tsv", "-notes", "notes.tsv", "-out", "../../internal/codes/codes.tsv")
	if code != 0 {
		t.Fatalf("exit code %d\n%s%s", code, out, errs)
	}
}

func TestRebuildSortsMergesAndSaysWhatChanged(t *testing.T) {
	dir := t.TempDir()
	source := write(t, dir, "source", "code class products", "B busy cvm", "A terminal vpc", "D transient as")
	notes := write(t, dir, "notes", "code class least products reason", "C throttled 1m  slow", "A    why")
	out := write(t, dir, "out", "code class least products reason", "A terminal  vpc ", "B busy  cvm ", "E busy  x ")
	args := []string{"-source", source, "-notes", notes, "-out", out}

	if code, _, _ := codes(append(args, "-check")...); code != 1 {
		t.Errorf("-check of an old table: exit code %d, want 1", code)
	}
	code, said, errs := codes(args...)
	want := `~ A terminal vpc "why", was terminal vpc ""
+ C throttled 1m "slow"
+ D transient as ""
- E busy x ""
4 codes, 4 changed
`
	if code != 0 || said != want {
		t.Errorf("exit code %d, said\n%s%s\nwant\n%s", code, said, errs, want)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	table := "code class least products reason\nA terminal  vpc why\nB busy  cvm \nC throttled 1m  slow\nD transient  as \n"
	if got := strings.ReplaceAll(string(text), "\t", " "); got != table {
		t.Errorf("wrote\n%s\nwant\n%s", got, table)
	}
	if code, said, _ := codes(append(args, "-check")...); code != 0 || said != "4 codes, 0 changed\n" {
		t.Errorf("-check of a new table: exit code %d, said %q", code, said)
	}
}

func TestWhatTheLibraryCouldNotReadIsRefused(t *testing.T) {
	dir := t.TempDir()
	notes := write(t, dir, "notes", "code class least products reason")
	for line, want := range map[string]string{
		"A late vpc":                           "class",
		"A busy":                               "columns",
		" busy vpc":                            "empty",
		"A busy vpc\nA busy vpc":               "twice",
		strings.Repeat("A", 256) + " busy vpc": "255",
	} {
		source := write(t, dir, "source", strings.Split(line, "\n")...)
		code, _, errs := codes("-source", source, "-notes", notes, "-out", filepath.Join(dir, "out"))
		if code != 1 || !strings.Contains(errs, want) {
			t.Errorf("%.20q: exit code %d, %s, want %q", line, code, errs, want)
		}
	}
	source := write(t, dir, "source", "A busy vpc")
	for _, least := range []string{"x", "0s", "-1s", "1500ms", "2h"} {
		notes := write(t, dir, "notes", "A busy "+least+" vpc why")
		code, _, errs := codes("-source", source, "-notes", notes, "-out", filepath.Join(dir, "out"))
		if code != 1 || !strings.Contains(errs, "least wait") {
			t.Errorf("%s: exit code %d, %s", least, code, errs)
		}
	}
}
