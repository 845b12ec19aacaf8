// Command policy shows what a policy changes, and that the same policy can come
// from a literal or from a file: policy.json, beside this program.
//
//	go run ./examples/policy
package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/examples/internal/command"
	"github.com/tcretry/tcretry/tctest"
)

//go:embed policy.json
var file string

// literal retries while stock is short, retries InternalError for idempotent requests
// only, and does not retry after a failed payment.
var literal = tcretry.Policy{
	MaxAttempts: 5,
	MaxElapsed:  30 * time.Second,
	Codes: map[string]tcretry.Rule{
		"ResourceInsufficient": {
			Class:       tcretry.Busy,
			MaxAttempts: 3,
			Backoff:     tcretry.Backoff{Initial: 100 * time.Millisecond, Max: time.Second, Multiplier: 2},
		},
		"InternalError":                   {IdempotentOnly: true},
		"InternalError.TradeUnknownError": {Class: tcretry.Terminal},
	},
}

//go:embed main.go
var source string

func main() {
	command.Main(command.Flags("policy", source), func() error { return run(os.Stdout) })
}

// run shows the effect of the zero policy, of the policy of the file, and of the policy
// of a single call.
func run(w io.Writer) error {
	parsed, err := tcretry.ParsePolicy(strings.NewReader(file))
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "the policy of policy.json is that of the literal: %t\n\n", reflect.DeepEqual(parsed, literal))
	once := tcretry.ContextWithPolicy(context.Background(), tcretry.Policy{MaxAttempts: 1})
	columns(w, "action", "every response", "zero policy", "policy.json", "one attempt")
	for _, c := range []struct{ action, code string }{
		{"RunInstances", "ResourceInsufficient.SpecifiedInstanceType"},
		{"RunInstances", "InternalError"},
		{"DescribeInstances", "InternalError"},
		{"DescribeInstances", "InternalError.TradeUnknownError"},
	} {
		columns(w, c.action, c.code,
			effect(context.Background(), tcretry.Policy{}, c.action, c.code),
			effect(context.Background(), parsed, c.action, c.code),
			effect(once, parsed, c.action, c.code))
	}
	return nil
}

// effect returns how many attempts a call makes if every response has a code, and why
// it makes no more.
func effect(ctx context.Context, p tcretry.Policy, action, code string) (result string) {
	api := tctest.NewAPI()
	api.Default(tctest.Fail(code, ""))
	hooks := tcretry.Hooks{CallDone: func(_ context.Context, i tcretry.CallInfo) {
		result = fmt.Sprintf("%d, %s", i.Attempts, i.Reason)
	}}
	client := &http.Client{Transport: tcretry.New(api, tcretry.WithPolicy(p), tcretry.WithHooks(hooks))}
	request, _ := http.NewRequestWithContext(ctx, http.MethodPost, "https://cvm.tencentcloudapi.com", strings.NewReader("{}"))
	request.Header.Set("X-TC-Action", action)
	if response, err := client.Do(request); err == nil {
		response.Body.Close()
	}
	return result
}

// columns writes a row of a table.
func columns(w io.Writer, action, code string, effects ...string) {
	line := fmt.Sprintf("%-18s %-43s", action, code)
	for _, e := range effects {
		line += fmt.Sprintf(" %-18s", e)
	}
	fmt.Fprintln(w, strings.TrimRight(line, " "))
}
