// Command timeline draws what tcretry does: fifty calls at once to an embedded
// API that takes ten requests a second, made by the official SDK with its own
// retries and by the same SDK over tcretry. It takes about eight seconds.
//
//	go run ./examples/timeline
//
// It writes the README's picture anew, examples/timeline/timeline.svg, or, started
// elsewhere than in the root of the repository, timeline.svg.
package main

import (
	_ "embed"
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
	path := flags.String("o", picture(), "the `file` to write")
	command.Main(flags, func() error { return run(os.Stdout, terminal(os.Stdout), *path, overSocket) })
}

// picture is the file of the README's picture if the program was started where the
// README says.
func picture() string {
	const folder = "examples/timeline"
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return "timeline.svg"
	}
	return folder + "/timeline.svg"
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
