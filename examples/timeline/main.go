// Command timeline draws what tcretry does: fifty concurrent calls to an embedded
// API with a rate limit of ten requests per second, made by the official SDK with its own
// retries and by the same SDK over tcretry. It runs for about eight seconds.
//
//	go run ./examples/timeline
//	go run ./examples/timeline -o examples/timeline/timeline.svg
//
// It writes the picture to a new temporary file and prints its name; -o writes it
// elsewhere. The second line, in the root of the repository, redraws the picture of the
// README.
package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/tcretry/tcretry/examples/internal/command"
	"github.com/tcretry/tcretry/tctest"
)

//go:embed main.go
var source string

func main() {
	flags := command.Flags("timeline", source)
	path := flags.String("o", "", "the `file` to write, a new temporary one by default")
	command.Main(flags, func() error { return run(os.Stdout, terminal(os.Stdout), *path, overSocket) })
}

// write writes the picture to path, or to a new temporary file if that is "", and
// returns where it is. A file of the repository is written only if it is named.
func write(path string, picture []byte) (string, error) {
	if path != "" {
		return path, os.WriteFile(path, picture, 0o644)
	}
	file, err := os.CreateTemp("", "timeline-*.svg")
	if err != nil {
		return "", err
	}
	_, err = file.Write(picture)
	return file.Name(), errors.Join(err, file.Close())
}

// run makes the calls, draws them, and prints a line of totals for each side. If live,
// it shows their progress meanwhile.
func run(w io.Writer, live bool, path string, reach reach) error {
	sides := newSides()
	stop := func() {}
	if live {
		stop = show(w, sides)
	}
	err := play(sides, reach)
	stop()
	if err != nil {
		return err
	}
	if path, err = write(path, draw(sides)); err != nil {
		return err
	}
	for _, s := range sides {
		fmt.Fprintf(w, "%-16s %s\n", s.name, s.totals())
	}
	_, err = fmt.Fprintf(w, "%-16s %s, for a browser\n", "the picture", path)
	return err
}

// overSocket serves an API on the loopback interface until end is called, and
// returns a transport that reaches it.
func overSocket(api *tctest.API) (base http.RoundTripper, end func(), err error) {
	server, err := api.Serve()
	if err != nil {
		return nil, nil, err
	}
	return server.Transport(), server.Close, nil
}
