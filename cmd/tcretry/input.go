package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/tcretry/tcretry"
)

// inputLimit bounds what is read from the standard input.
const inputLimit = 1 << 20

// isTerminal reports whether the standard input is a person.
func (e env) isTerminal() bool {
	file, ok := e.stdin.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// subjects returns what is to be explained: what the arguments hold or, without
// any or for "-", the standard input: JSON, or lines.
func (e env) subjects(args []string) ([]string, error) {
	if len(args) > 0 && (len(args) > 1 || args[0] != "-") {
		var all []string
		for _, arg := range args {
			all = append(all, subjectsOf(arg)...)
		}
		return all, nil
	}
	text, err := io.ReadAll(io.LimitReader(e.stdin, inputLimit))
	if err != nil {
		return nil, fmt.Errorf("tcretry: %w", err)
	}
	return subjectsOf(string(text)), nil
}

// subjectsOf returns what a text as people find it holds: the codes of responses in
// JSON, one after the other, or what each of its lines holds.
func subjectsOf(text string) []string {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "{") {
		if codes, ok := responseCodes(text); ok {
			return codes
		}
	}
	var all []string
	for line := range strings.Lines(text) {
		if subject := subjectOf(line); subject != "" {
			all = append(all, subject)
		}
	}
	return all
}

// withMessage returns a code of the catalogue with its message behind it, since of a
// few codes the text decides. In a line of a log the text has more around it.
func withMessage(code, message string) string {
	if message == "" || !slices.Contains(tcretry.Codes(), code) {
		return code
	}
	return code + ": " + message
}

// responseCodes returns the code of each response in a text, and whether all of it
// is JSON. A response without an error is the HTTP status 200.
func responseCodes(text string) (codes []string, ok bool) {
	decoder := json.NewDecoder(strings.NewReader(text))
	for {
		var body json.RawMessage
		if err := decoder.Decode(&body); err != nil {
			return codes, errors.Is(err, io.EOF)
		}
		resp := &http.Response{
			StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
			Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
		}
		code := "200"
		if envelope := (*tcretry.APIError)(nil); errors.As(tcretry.CheckResponse(resp), &envelope) {
			code = withMessage(envelope.Code, envelope.Message)
		}
		codes = append(codes, code)
	}
}

var (
	// codeField is how SDKs and logs write a code: Code=X, code:X, "Code":"X".
	codeField = regexp.MustCompile(`(?i)\bcode\\?["']?\s*[=:]\s*\\?["']?([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)`)
	// productPrefix is a product before a code, in the place of the colon a dot, or
	// in capitals: cvm.InternalError, CVM:InternalError.
	productPrefix = regexp.MustCompile(`^([A-Za-z0-9_-]+)([.:])([A-Z].*)$`)
)

// subjectOf returns what a line of text holds: the code of an error of an SDK, or
// the text less what is around it.
func subjectOf(line string) string {
	line = strings.TrimSpace(line)
	if found := codeField.FindStringSubmatch(line); found != nil {
		return withMessage(found[1], line)
	}
	if strings.Trim(line, "\"'`,.;") != "" {
		line = strings.Trim(line, "\"'`,.;")
	}
	parts := productPrefix.FindStringSubmatch(line)
	switch {
	case parts == nil:
		return line
	case parts[2] == ":":
		return strings.ToLower(parts[1]) + ":" + parts[3]
	case parts[1] == strings.ToLower(parts[1]) && !strings.Contains(parts[3], ":"):
		return parts[1] + ":" + parts[3]
	}
	return line
}

// isSubject reports whether a text can be explained: a key of a policy, a code with
// its message, or a transport error.
func isSubject(text string) bool {
	asKey := tcretry.Policy{Codes: map[string]tcretry.Rule{text: {}}}
	return asKey.Validate() == nil || slices.Contains(tcretry.Codes(), tcretry.Explain(text).Code) || slices.Contains(tcretry.TransportErrors(), tcretry.Explain(text).Code)
}
