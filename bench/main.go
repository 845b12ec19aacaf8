// Command bench plays callers against a rate limit and through outages, in virtual time,
// and prints the results: of tcretry with its defaults, and of plain strategies built on
// widely used libraries.
//
//	go run ./bench                  the tables, on standard output
//	go run ./bench -write bench     bench/FIGURES.md and three pictures
//	go run ./bench -seeds 2         fewer runs
//	go run ./bench -neighbours      the results of other parameters of the retry budget
//	go run ./bench -replicas        1 to 50 replicas, with and without Redis
//
// The seeds are held out: no constant of tcretry was chosen on them. The times are
// virtual, and what the scenes draw follows from the seeds. What the libraries draw
// themselves does not, nor does the order of goroutines that wake at the same time, so
// that figures differ between runs in the last digit.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// firstSeed is the first of the held-out seeds. The tests use others.
const firstSeed = 3001

func main() {
	// Virtual time exists in tests only, so this program is one: testing.Main is what go
	// test calls. Its output goes to standard error.
	seeds := flag.Int("seeds", 5, "how many `runs` of each scene with a rate limit, and half as many of an outage")
	dir := flag.String("write", "", "write FIGURES.md and the pictures to this `folder`")
	others := flag.Bool("neighbours", false, "print the results of other parameters of the retry budget, and nothing else")
	replicas := flag.Bool("replicas", false, "print the results of 1 to 50 replicas with and without Redis, and nothing else")
	stdout := os.Stdout
	os.Stdout = os.Stderr
	everything := func(string, string) (bool, error) { return true, nil }
	testing.Main(everything, []testing.InternalTest{{Name: "bench", F: func(t *testing.T) {
		b := newBench(t, *seeds)
		if *others {
			fmt.Fprint(stdout, b.neighbours())
			return
		}
		if *replicas {
			fmt.Fprint(stdout, b.replicas())
			return
		}
		text := b.page()
		if *dir == "" {
			fmt.Fprint(stdout, text)
			return
		}
		for name, content := range map[string]string{
			"FIGURES.md": text, "quota.svg": b.rateLimitPicture(), "outage.svg": b.outagePicture(), "burst.svg": b.burstPicture(),
		} {
			if err := os.WriteFile(filepath.Join(*dir, name), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}}}, nil, nil)
}
