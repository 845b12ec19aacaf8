package tcotel_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tcotel"
	"github.com/tcretry/tcretry/tctest"
)

// A call that the API fails once: its span ends last. A program of yours
// registers its provider with otel.SetTracerProvider and leaves Config zero.
func ExampleNew() {
	spans := tracetest.NewInMemoryExporter()
	config := tcotel.Config{TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))}
	api := tctest.NewAPI(tctest.Fail("InternalError", "try again"), tctest.OK(nil))
	client := &http.Client{Transport: tcotel.New(api, config, tcretry.WithPolicy(soon))}

	req, _ := http.NewRequestWithContext(context.Background(), http.MethodPost, "https://cvm.tencentcloudapi.com/", strings.NewReader("{}"))
	req.Header.Set("X-TC-Action", "DescribeZones")
	resp, err := client.Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	for _, span := range spans.GetSpans() {
		fmt.Println(span.Name, span.Status.Code)
	}
	// Output:
	// attempt Error
	// attempt Unset
	// cvm/DescribeZones Unset
}
