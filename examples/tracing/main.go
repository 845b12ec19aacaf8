// Command tracing prints the spans of one retried call as a tree: the caller's
// own, otelhttp outside, the call and its attempts, and otelhttp inside. The API is
// embedded; the spans stay in memory. It needs no account, and ends by itself.
//
//	go run ./examples/tracing
package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/examples/internal/command"
	"github.com/tcretry/tcretry/tcotel"
	"github.com/tcretry/tcretry/tctest"
)

//go:embed main.go
var source string

func main() {
	command.Main(command.Flags("tracing", source), func() error { return run(os.Stdout) })
}

// run makes the call and prints what can be seen of it, twice: its spans, and
// tcretry's own trace.
func run(w io.Writer) error {
	spans := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	otel.SetTracerProvider(provider)

	api := tctest.NewAPI()
	api.Script("RunInstances",
		tctest.Throttle(),
		tctest.Fail("InternalError", "An internal error has occurred."),
		tctest.OK(map[string]any{"InstanceIdSet": []string{"ins-1"}}))
	// Once a call above, once an attempt below. A program of yours has
	// http.DefaultTransport in the place of api.
	transport := tcotel.New(otelhttp.NewTransport(api), tcotel.Config{})
	client := &http.Client{Transport: otelhttp.NewTransport(transport)}

	ctx, span := otel.Tracer("examples/tracing").Start(context.Background(), "buy a server")
	ctx, trace := tcretry.Trace(ctx)
	if err := runInstances(ctx, client); err != nil {
		return err
	}
	span.End()
	printTree(w, spans.GetSpans())
	fmt.Fprintf(w, "\n%s", trace)
	return nil
}

func runInstances(ctx context.Context, client *http.Client) error {
	const url = "https://cvm.tencentcloudapi.com/"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(`{"ImageId":"img-1"}`))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-TC-Action", "RunInstances")
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return err
}
