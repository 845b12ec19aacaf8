package proxycmd

import (
	"io"
	"log/slog"
	"strings"
)

// newLogger returns the logger of the command. Of what the API said it writes the code
// and the request id: the message may hold parts of the request, and the text of an
// error quotes bytes that are no response.
func newLogger(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) != 1 || groups[0] != "response" {
				return a
			}
			switch a.Key {
			case "message":
				return slog.Attr{}
			case "error":
				if text, _, quotes := strings.Cut(a.Value.String(), `"`); quotes {
					a.Value = slog.StringValue(text + "…")
				}
			}
			return a
		},
	}))
}
