// Command reload reads the policy of a Transport again at SIGHUP, as servers read
// their configuration. An invalid file leaves the policy in force, and the
// error is printed. The program is the operator as well: it writes the file, and sends
// itself the signal.
//
//	go run ./examples/reload
package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/examples/internal/command"
	"github.com/tcretry/tcretry/tctest"
)

//go:embed main.go
var source string

func main() {
	command.Main(command.Flags("reload", source), func() error { return run(os.Stdout) })
}

// versions are what the operator writes into the file, one after the other.
var versions = []string{
	`{"codes": {"InternalError": {"maxAttempts": 2}}}`,
	`{"maxAttempts": 3}`,
	`{"maxAttempts": "six", "codes": {"Internal Error": {"class": "terminal"}}}`,
	`{"codes": {"Internalerror": {"class": "terminal"}}}`,
	`{"codes": {"InternalError": {"class": "terminal"}}}`,
}

// run is the server: one Transport, and a goroutine that reloads its policy.
func run(w io.Writer) error {
	dir, err := os.MkdirTemp("", "reload")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "policy.json")

	api := tctest.NewAPI()
	api.Default(tctest.Fail("InternalError", "the API keeps failing"))
	transport := tcretry.New(api)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	reloaded := reloadAtHangup(ctx, transport, file)
	for _, text := range versions {
		if err := operate(w, file, text); err != nil {
			return err
		}
		fmt.Fprintln(w, strings.ReplaceAll("\n"+<-reloaded, "\n", "\n  ")[1:])
		before := len(api.Recorded())
		call(&http.Client{Transport: transport})
		fmt.Fprintf(w, "  a call makes %d attempts\n", len(api.Recorded())-before)
	}
	return nil
}
