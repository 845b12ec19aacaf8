package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	sdkerrors "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/errors"

	"github.com/tcretry/tcretry"
)

// The colours of a terminal, by the meaning they have here.
const (
	bold, good, retryable, bad = "1", "32", "33", "31"
)

// colored reports whether a file is a terminal whose user wants colours
// (no-color.org).
func colored(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 &&
		os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// page writes what happens for a person to read.
type page struct {
	w       io.Writer
	color   bool
	started time.Time
	reason  string // why tcretry ended the call; "" without it
}

func (p *page) paint(color, text string) string {
	if !p.color {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

func (p *page) title(text string) { fmt.Fprintf(p.w, "%s\n", p.paint(bold, text)) }

func (p *page) start(how string) {
	fmt.Fprintf(p.w, "  %s\n", how)
	p.started = time.Now()
}

// hooks returns hooks that write a line for each attempt when it ends, and record the
// stop reason of the call. This is how a program observes tcretry.
func (p *page) hooks() tcretry.Hooks {
	return tcretry.Hooks{
		AttemptDone: func(_ context.Context, i tcretry.AttemptInfo) {
			color := retryable
			switch i.Class {
			case tcretry.Success:
				color = good
			case tcretry.Terminal, tcretry.Ambiguous:
				color = bad
			}
			p.line(fmt.Sprintf("attempt %d", i.Attempt), color, i.Class.String(), i.Code)
		},
		CallDone: func(_ context.Context, i tcretry.CallInfo) { p.reason = i.Reason.String() },
	}
}

// result writes what the caller gets, and how often the API executed the request.
func (p *page) result(text string, err error, executions int) {
	more := fmt.Sprintf("executed %d×", executions)
	if p.reason != "" {
		more += "; the call ended: " + p.reason
	}
	color := good
	if err != nil {
		color, text = bad, "error: "+words(err)
	}
	p.line("caller gets", color, text, more)
}

// line writes one line: who, when, what and more.
func (p *page) line(who, color, what, more string) {
	at := time.Since(p.started).Milliseconds()
	line := fmt.Sprintf("    %-11s %5d ms  %s  %s", who, at, p.paint(color, fmt.Sprintf("%-30s", what)), more)
	fmt.Fprintln(p.w, strings.TrimRight(line, " "))
}

// words returns an error in a few words: the code of the API, if there is one.
func words(err error) string {
	var apiError *tcretry.APIError
	var sdk *sdkerrors.TencentCloudSDKError
	switch {
	case errors.As(err, &apiError):
		return apiError.Code
	case errors.As(err, &sdk):
		return sdk.Code
	}
	return "no response"
}
