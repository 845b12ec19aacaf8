package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const source = `package p

// In says whether n is from 3 to 5.
func In(n int, done func()) (in bool) {
	defer done()
	if n < 3 || n > 5 {
		return false
	}
	switch n {
	case 3:
		in = true
	case 4, 5:
		in = 1.5 > 0.5
	default:
		done()
	}
	return in
}
`

// want is what each fault makes of the line that it begins in.
var want = []string{
	"5: removed defer: \t",
	"6: negated condition: \tif !(n < 3 || n > 5) {",
	"6: shifted boundary: <= for <: \tif n <= 3 || n > 5 {",
	"6: changed operator: >= for <: \tif n >= 3 || n > 5 {",
	"6: changed number: 4 for 3: \tif n < 4 || n > 5 {",
	"6: shifted boundary: >= for >: \tif n < 3 || n >= 5 {",
	"6: changed operator: <= for >: \tif n < 3 || n <= 5 {",
	"6: changed number: 6 for 5: \tif n < 3 || n > 6 {",
	"10: swapped cases of lines 10 and 12: \tcase 4, 5:",
	"10: changed number: 4 for 3: \tcase 4:",
	"11: removed assignment: \t\t",
	"12: changed number: 5 for 4: \tcase 5, 5:",
	"12: changed number: 6 for 5: \tcase 4, 6:",
	"13: removed assignment: \t\t",
	"13: shifted boundary: >= for >: \t\tin = 1.5 >= 0.5",
	"13: changed operator: <= for >: \t\tin = 1.5 <= 0.5",
	"13: changed number: 2.26 for 1.5: \t\tin = 2.26 > 0.5",
	"13: changed number: 0.76 for 0.5: \t\tin = 1.5 > 0.76",
	"15: removed statement: \t\t",
}

// write puts a file into a folder of dir.
func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestEachFaultChangesWhatItSays(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "p.go", source)
	write(t, dir, "p_test.go", "package p\n\nvar one = 1\n")
	faults, err := faultsIn(dir)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, f := range faults {
		line := strings.Split(string(f.plant([]byte(source))), "\n")[f.line-1]
		got[fmt.Sprintf("%d: %s: %s", f.line, f.what, line)] = true
	}
	for _, w := range want {
		if !got[w] {
			t.Errorf("missing: %q", w)
		}
		delete(got, w)
	}
	for g := range got {
		t.Errorf("unexpected: %q", g)
	}
}

// repo is a repository with a module whose package p has that test.
func repo(t *testing.T, test string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "go.mod", "module m\n\ngo 1.25\n")
	write(t, dir, "p/p.go", "package p\n\nfunc Less(a, b int) bool { return a < b }\n")
	write(t, dir, "p/p_test.go", "package p\n\nimport \"testing\"\n\nfunc TestLess(t *testing.T) {\n\tif "+test+" {\n\t\tt.Fatal()\n\t}\n}\n")
	if output, err := exec.Command("git", "init", "-q", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return dir
}

func mutate(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(context.Background(), args, &out, &err)
	return code, out.String(), err.String()
}

func TestAFaultThatNoTestNoticesIsPrinted(t *testing.T) {
	dir := repo(t, "!Less(1, 2) || Less(2, 1)")
	code, out, errs := mutate("-repo", dir, "-package", "./p", "-n", "9")
	const survived = "survived: p/p.go:3: shifted boundary: <= for <: func Less(a, b int) bool { return a < b }\n" +
		"./p, seed 1: 1 of 2 faults noticed, 50 % (0 by taking too long; 0 more did not compile)\n"
	if code != 0 || errs != "" || out != survived {
		t.Fatalf("%d\n%s\n%s", code, out, errs)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "p/p.go")); err != nil || !strings.Contains(string(text), "a < b") {
		t.Fatalf("the repository was changed: %v\n%s", err, text)
	}
}

func TestWhatOnlySkippedTestsWouldNoticeSurvives(t *testing.T) {
	code, out, errs := mutate("-repo", repo(t, "!Less(1, 2) || Less(2, 1)"), "-package", "./p", "-skip", "^TestLess$")
	if code != 0 || errs != "" || !strings.Contains(out, ": 0 of 2 faults noticed") {
		t.Fatalf("%d\n%s\n%s", code, out, errs)
	}
}

func TestTestsThatFailWithoutAFaultProveNothing(t *testing.T) {
	code, out, errs := mutate("-repo", repo(t, "Less(1, 2)"), "-package", "./p")
	if code != 1 || out != "" || !strings.Contains(errs, "the tests failed without a fault") {
		t.Fatalf("%d\n%s\n%s", code, out, errs)
	}
}

func TestACallWithoutAPackageIsWrong(t *testing.T) {
	for _, args := range [][]string{{}, {"-package", "./p", "-n", "0"}, {"-package", "./p", "more"}, {"-nonsense"}} {
		if code, _, errs := mutate(args...); code != 2 || errs == "" {
			t.Errorf("%v: %d\n%s", args, code, errs)
		}
	}
}
