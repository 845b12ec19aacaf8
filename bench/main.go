// Command bench plays callers against a quota and through outages, in virtual
// time, and prints what comes of it: for tcretry as it comes, and beside it for
// plain strategies built on the libraries that people use.
//
//	go run ./bench                  the tables, on standard output
//	go run ./bench -write bench     bench/FIGURES.md and two pictures
//	go run ./bench -seeds 2         fewer runs
//	go run ./bench -neighbours      what other numbers of the budget lead to
//
// No number of tcretry was chosen on these seeds. The times are virtual and what
// the scenes draw follows from the seeds; what the libraries draw themselves, and
// the order in which goroutines run that wake in the same moment, does not, so
// that figures differ from run to run in the last digit.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// firstSeed is far from those of the tests, and from any that a constant was chosen on.
const firstSeed = 3001

func main() {
	// Virtual time is to be had in tests only, so that this program is one:
	// testing.Main is what go test does. Its words are not ours.
	seeds := flag.Int("seeds", 5, "how many `runs` of each scene of a quota, and half as many of an outage")
	dir := flag.String("write", "", "write FIGURES.md, quota.svg and outage.svg to this `folder`")
	others := flag.Bool("neighbours", false, "print what other numbers of the budget lead to, and nothing else")
	stdout := os.Stdout
	os.Stdout = os.Stderr
	everything := func(string, string) (bool, error) { return true, nil }
	testing.Main(everything, []testing.InternalTest{{Name: "bench", F: func(t *testing.T) {
		b := newBench(t, *seeds)
		if *others {
			fmt.Fprint(stdout, b.neighbours())
			return
		}
		text := b.page()
		if *dir == "" {
			fmt.Fprint(stdout, text)
			return
		}
		for name, content := range map[string]string{
			"FIGURES.md": text, "quota.svg": b.quotaPicture(), "outage.svg": b.outagePicture(),
		} {
			if err := os.WriteFile(filepath.Join(*dir, name), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}}}, nil, nil)
}
