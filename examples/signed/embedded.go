package main

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/tcretry/tcretry/tc3"
	"github.com/tcretry/tcretry/tctest"
)

// key is the key of the embedded API. It is not a real one.
var key = tc3.Credentials{SecretID: "AKIDEXAMPLE", SecretKey: "a-key"}

// callEmbedded sends the request to an API inside of this program, over a socket.
// It checks signatures by a clock that is ten minutes ahead, fails once, and then
// returns what was requested.
func callEmbedded(out *page, req *http.Request) error {
	api := tctest.NewAPI(tctest.Fail("InternalError", "An internal error has occurred."))
	api.Default(tctest.Func(func(c tctest.Attempt) tctest.Reply {
		return tctest.OK(map[string]any{"Action": c.Action, "With": json.RawMessage(c.Body)})
	}))
	api.CheckSignatures(map[string]string{key.SecretID: key.SecretKey})
	api.SetClock(10 * time.Minute)
	server, err := api.Serve()
	if err != nil {
		return err
	}
	defer server.Close()
	req.URL.Scheme = "http" // the certificate of the real host is not ours
	out.line("to", "an API inside of this program; -real calls %s", req.URL.Host)
	err = out.call(req, key, server.Transport())
	for _, c := range api.Recorded() {
		verdict := c.Code
		if verdict == "" {
			verdict = "executed"
		}
		out.line("API saw", "%d  %s", c.Number, verdict)
	}
	return err
}
