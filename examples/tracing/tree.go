package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// shown are the attributes that are printed: a span has more.
var shown = []attribute.Key{
	"http.request.resend_count", "http.response.status_code", "rpc.response.status_code",
	"tcretry.class", "tcretry.attempts", "tcretry.stop_reason",
}

// printTree prints spans as a tree, each with its name and attributes.
func printTree(w io.Writer, spans tracetest.SpanStubs) {
	slices.SortStableFunc(spans, func(a, b tracetest.SpanStub) int { return a.StartTime.Compare(b.StartTime) })
	var below func(parent trace.SpanID, indent string)
	below = func(parent trace.SpanID, indent string) {
		for _, span := range spans {
			if span.Parent.SpanID() != parent {
				continue
			}
			line := fmt.Sprintf("%-28s %s", indent+span.Name, describe(span))
			fmt.Fprintln(w, strings.TrimRight(line, " "))
			for _, event := range span.Events {
				fmt.Fprintf(w, "%s* %s\n", indent+"  ", event.Name)
			}
			below(span.SpanContext.SpanID(), indent+"  ")
		}
	}
	below(trace.SpanID{}, "")
}

// describe returns the shown attributes of a span, and its status if that is an error.
func describe(span tracetest.SpanStub) string {
	values := map[attribute.Key]string{}
	for _, a := range span.Attributes {
		values[a.Key] = a.Value.String()
	}
	var parts []string
	for _, key := range shown {
		if value, ok := values[key]; ok {
			parts = append(parts, string(key)+"="+value)
		}
	}
	if span.Status.Code == codes.Error {
		parts = append(parts, "error")
	}
	return strings.Join(parts, " ")
}
