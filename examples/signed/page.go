package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tc3"
)

// page writes what happens for a person to read. It gets no secret, and so writes none.
type page struct{ w io.Writer }

func (p *page) line(what, format string, args ...any) {
	fmt.Fprintf(p.w, "%-8s %s\n", what, strings.TrimRight(fmt.Sprintf(format, args...), " "))
}

// call makes the call: this is a complete client of the API.
func (p *page) call(req *http.Request, creds tc3.Credentials, base http.RoundTripper) error {
	signing := &tc3.Transport{Source: tc3.Static(creds), Base: base}
	client := &http.Client{Transport: tcretry.New(signing, tcretry.WithClientTokens(), tcretry.WithHooks(p.hooks()))}
	defer client.CloseIdleConnections()

	p.line("calls", "%s %s", req.Header.Get("X-TC-Action"), req.Header.Get("X-TC-Version"))
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := tcretry.CheckResponse(resp); err != nil {
		return err
	}
	body, err := io.ReadAll(resp.Body)
	p.line("response", "%s", body)
	return err
}

// hooks write a line an attempt, and the token that the call was given.
func (p *page) hooks() tcretry.Hooks {
	return tcretry.Hooks{
		AttemptDone: func(_ context.Context, i tcretry.AttemptInfo) {
			p.line("attempt", "%d  %-9s  %s", i.Attempt, i.Class, i.Code)
		},
		CallDone: func(_ context.Context, i tcretry.CallInfo) {
			if i.ClientToken != "" {
				p.line("token", "%s, the same in every attempt", i.ClientToken)
			}
		},
	}
}
