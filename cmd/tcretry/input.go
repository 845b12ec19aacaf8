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

// inputLimit is how much is read from the standard input, in bytes.
const inputLimit = 1 << 20

// isTerminal reports whether the standard input is a terminal.
func (e env) isTerminal() bool {
	file, ok := e.stdin.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// subjects returns what is to be explained: the subjects in the arguments or, without
// arguments or for "-", those in the standard input.
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

// subjectsOf returns the subjects in a text: the codes of responses in JSON, one after
// the other, or the subject of each line.
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

// withMessage returns a code of the catalogue followed by its message, since the message
// determines the class of a few codes. For a line of a log the message is the whole line.
func withMessage(code, message string) string {
	if message == "" || !slices.Contains(tcretry.Codes(), code) {
		return code
	}
	return code + ": " + message
}

// responseCodes returns the code of each response in a text, and whether the whole text
// is JSON. For a response without an error the code is the HTTP status 200.
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
		if apiErr := (*tcretry.APIError)(nil); errors.As(tcretry.CheckResponse(resp), &apiErr) {
			code = withMessage(apiErr.Code, apiErr.Message)
		}
		codes = append(codes, code)
	}
}

var (
	// codeField matches a code as SDKs and logs write it: Code=X, code:X, "Code":"X".
	codeField = regexp.MustCompile(`(?i)\bcode\\?["']?\s*[=:]\s*\\?["']?([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)`)
	// productPrefix matches a product before a code, also with a dot in place of the
	// colon or in capitals: cvm.InternalError, CVM:InternalError.
	productPrefix = regexp.MustCompile(`^([A-Za-z0-9_-]+)([.:])([A-Z].*)$`)
)

// subjectOf returns the subject of a line: the code in an error of an SDK, or the line
// without quotes and punctuation around it.
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
