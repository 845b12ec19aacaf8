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
	bold, good, passing, bad = "1", "32", "33", "31"
)

// colored says whether a file is a terminal whose user wants colours
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

// hooks returns hooks that write a line an attempt, as it ends, and remember why
// the call did. This is how a program learns what tcretry does.
func (p *page) hooks() tcretry.Hooks {
	return tcretry.Hooks{
		AttemptDone: func(_ context.Context, i tcretry.AttemptInfo) {
			color := passing
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

// result writes what the caller of the API got, and how often the API did what
// it was asked for.
func (p *page) result(answer string, err error, executions int) {
	more := fmt.Sprintf("executed %d×", executions)
	if p.reason != "" {
		more += "; the call ended: " + p.reason
	}
	color := good
	if err != nil {
		color, answer = bad, "error: "+words(err)
	}
	p.line("caller gets", color, answer, more)
}

// line writes one line: who, when, what and more.
func (p *page) line(who, color, what, more string) {
	at := time.Since(p.started).Milliseconds()
	line := fmt.Sprintf("    %-11s %5d ms  %s  %s", who, at, p.paint(color, fmt.Sprintf("%-30s", what)), more)
	fmt.Fprintln(p.w, strings.TrimRight(line, " "))
}

// words is an error in a few words: the API's code, or that there is none.
func words(err error) string {
	var envelope *tcretry.APIError
	var sdk *sdkerrors.TencentCloudSDKError
	switch {
	case errors.As(err, &envelope):
		return envelope.Code
	case errors.As(err, &sdk):
		return sdk.Code
	}
	return "no answer came"
}
