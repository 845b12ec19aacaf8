// Command timeline draws what tcretry does: fifty calls at once to an embedded
// API that takes ten requests a second, made by the official SDK with its own
// retries and by the same SDK over tcretry. It writes a picture, timeline.svg,
// and takes about eight seconds.
//
//	go run ./examples/timeline
//
// The README's picture is made by
//
//	go run ./examples/timeline -o examples/timeline/timeline.svg
package main

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/tcretry/tcretry/tctest"
)

func main() {
	path := flag.String("o", "timeline.svg", "the `file` to write")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(os.Stdout, terminal(os.Stdout), *path, overSocket); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run makes the calls, draws them, and says in two lines what came of them. Live,
// it shows how far they are meanwhile.
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
	if err := os.WriteFile(path, draw(sides), 0o644); err != nil {
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
