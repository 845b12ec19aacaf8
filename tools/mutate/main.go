// Command mutate plants small faults in a copy of the repository, one at a time, and
// says which of them no test notices:
//
//	GOWORK=off go -C tools run ./mutate -package ./internal/codes -n 30 -seed 1
//
// A fault is a negated condition, a shifted boundary, another operator, a removed
// statement, a changed number, or two cases of a switch that were swapped. One seed draws
// the same of them from the same code; those that do not compile are not counted. One
// that no test notices is a missing test, or changes nothing that was promised.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is main with its streams as parameters; it returns the exit code: 0 done, 1 not
// done, 2 called wrongly.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("mutate", flag.ContinueOnError)
	flags.SetOutput(stderr)
	var t trial
	flags.StringVar(&t.repo, "repo", "..", "the repository, which stays as it is")
	flags.StringVar(&t.pkg, "package", "", "the package to plant faults in, a folder of the repository: ./internal/codes")
	also := flags.String("also", "", "packages whose tests run too, separated by commas: ./internal/test/e2e")
	flags.StringVar(&t.skip, "skip", "", "the tests that do not run, a regular expression: those that take long and notice little")
	flags.IntVar(&t.n, "n", 30, "how many faults to plant")
	flags.Uint64Var(&t.seed, "seed", 1, "what the faults are drawn by")
	flags.DurationVar(&t.timeout, "timeout", time.Minute, "how long one run of the tests may take: a fault that makes it longer was noticed")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if t.pkg == "" || t.n < 1 || flags.NArg() > 0 {
		fmt.Fprintln(stderr, "mutate: want -package, a positive -n, and no arguments")
		return 2
	}
	t.out = stdout
	t.tests = append([]string{t.pkg}, strings.FieldsFunc(*also, func(r rune) bool { return r == ',' })...)
	if err := t.do(ctx); err != nil {
		fmt.Fprintln(stderr, "mutate:", err)
		return 1
	}
	return 0
}

// trial is what is tried.
type trial struct {
	repo, pkg string
	tests     []string
	skip      string
	n         int
	seed      uint64
	timeout   time.Duration
	out       io.Writer
	copy      string // of the repository
}

// do makes the copy, draws the faults and tries them.
func (t *trial) do(ctx context.Context) (err error) {
	if t.copy, err = os.MkdirTemp("", "mutate"); err != nil {
		return err
	}
	defer os.RemoveAll(t.copy)
	if err := t.copyRepo(ctx); err != nil {
		return err
	}
	faults, err := faultsIn(filepath.Join(t.copy, t.pkg))
	if err != nil {
		return err
	}
	if end, output := t.test(ctx); end != survived {
		return fmt.Errorf("the tests %s without a fault:\n%.2000s", end, output)
	}
	rng := rand.New(rand.NewPCG(t.seed, t.seed))
	rng.Shuffle(len(faults), func(i, j int) { faults[i], faults[j] = faults[j], faults[i] })
	tried, ends := 0, map[verdict]int{}
	for i := 0; i < len(faults) && tried < t.n; i++ {
		end, err := t.try(ctx, faults[i])
		if err != nil {
			return err
		}
		if ends[end]++; end != broken {
			tried++
		}
	}
	fmt.Fprintf(t.out, "%s, seed %d: %d of %d faults noticed, %d %% (%d by taking too long; %d more did not compile)\n",
		t.pkg, t.seed, tried-ends[survived], tried, 100*(tried-ends[survived])/max(1, tried), ends[tooLong], ends[broken])
	return nil
}

// copyRepo copies what git tracks or would: neither what is ignored nor its own data.
func (t *trial) copyRepo(ctx context.Context) error {
	const pipe = `git ls-files -z --cached --others --exclude-standard | tar -c --null -T - | tar -x -C "$1"`
	cmd := exec.CommandContext(ctx, "sh", "-c", pipe, "sh", t.copy)
	cmd.Dir = t.repo
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("copying %s: %w\n%s", t.repo, err, output)
	}
	return nil
}

// verdict is how the tests ended.
type verdict string

const (
	survived verdict = "passed"
	noticed  verdict = "failed"
	tooLong  verdict = "took too long"
	broken   verdict = "did not compile"
)

// try plants a fault, runs the tests, and puts the file back.
func (t *trial) try(ctx context.Context, f fault) (verdict, error) {
	source, err := os.ReadFile(f.file)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(f.file, f.plant(source), 0o644); err != nil {
		return "", err
	}
	end, _ := t.test(ctx)
	if ctx.Err() != nil {
		return "", context.Cause(ctx) // what the end of the tests says is of no account
	}
	if end == survived {
		name, err := filepath.Rel(t.copy, f.file)
		if err != nil {
			return "", err
		}
		line := strings.Split(string(source), "\n")[f.line-1]
		fmt.Fprintf(t.out, "survived: %s:%d: %s: %s\n", name, f.line, f.what, strings.TrimSpace(line))
	}
	return end, os.WriteFile(f.file, source, 0o644)
}

// test runs the tests of one package after the other until one fails.
func (t *trial) test(ctx context.Context) (verdict, string) {
	for _, pkg := range t.tests {
		if end, output := t.testOne(ctx, pkg); end != survived {
			return end, output
		}
	}
	return survived, ""
}

func (t *trial) testOne(ctx context.Context, pkg string) (verdict, string) {
	// A fault may allocate for ever: 8 GiB of addresses are enough for any test. What vet
	// notices, no test has.
	cmd := exec.CommandContext(ctx, "sh", "-c", `ulimit -v 8388608 && exec "$@"`, "sh",
		"go", "test", "-count=1", "-failfast", "-vet=off", "-skip", t.skip, "-timeout", t.timeout.String(), "./"+filepath.Clean(pkg))
	cmd.Dir, cmd.WaitDelay = t.copy, time.Second
	cmd.Env = append(os.Environ(), "GOWORK=") // that of the copy: it has other modules, too
	output, err := cmd.CombinedOutput()
	for text, end := range map[string]verdict{"[build failed]": broken, "[setup failed]": broken, "panic: test timed out after": tooLong} {
		if bytes.Contains(output, []byte(text)) {
			return end, string(output)
		}
	}
	if err == nil {
		return survived, ""
	}
	return noticed, string(output)
}
