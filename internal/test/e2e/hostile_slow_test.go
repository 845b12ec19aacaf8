package e2e_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
)

// drip writes head immediately and rest one byte per second, then hangs.
func drip(head, rest string) func(io.Writer) {
	return func(w io.Writer) {
		_, err := io.WriteString(w, head)
		for i := 0; err == nil && i < len(rest); i++ {
			time.Sleep(time.Second)
			_, err = io.WriteString(w, rest[i:i+1])
		}
		for err == nil {
			time.Sleep(time.Second)
			_, err = w.Write(nil)
		}
	}
}

// slowCase is a response that takes its time, and what it leads to.
type slowCase struct {
	name           string
	respond        func(io.Writer)
	timeout        time.Duration // of an attempt
	deadline       time.Duration // of the call
	attempts       int
	reason         tcretry.StopReason
	code           string
	err            error
	least, atMost  time.Duration
	body           string
	bodyErr        error
	answeredStatus int
}

func slowRows() []slowCase {
	const headers = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	page := "HTTP/1.1 502 Bad\r\nContent-Type: text/html\r\nContent-Length: 50000\r\n\r\n"
	long := strings.Repeat("x", 50000)
	envelope := `{"x":"` + long // as far as can be seen
	text := failure("AuthFailure", "m", "r")
	promised := fmt.Sprintf(headers+"Content-Length: %d\r\n\r\n", len(text)+1)
	return []slowCase{
		{
			name: "headers, with a time for attempts", respond: drip(headers, long), timeout: 10500 * time.Millisecond,
			attempts: 2, reason: tcretry.StopMaxAttempts, err: context.DeadlineExceeded, least: 21 * time.Second, atMost: 22 * time.Second,
		},
		{
			name: "headers, with a deadline", respond: drip(headers, long), deadline: 10500 * time.Millisecond,
			attempts: 1, reason: tcretry.StopDeadlineExceeded, err: context.DeadlineExceeded, least: 10500 * time.Millisecond, atMost: 10500 * time.Millisecond,
		},
		{
			name: "a body, with a time for attempts", respond: drip(headers+"\r\n", envelope), timeout: 10500 * time.Millisecond,
			attempts: 2, reason: tcretry.StopMaxAttempts, err: context.DeadlineExceeded, least: 21 * time.Second, atMost: 22 * time.Second,
		},
		{
			name: "a body, with a deadline", respond: drip(headers+"\r\n", envelope), deadline: 10500 * time.Millisecond,
			attempts: 1, reason: tcretry.StopDeadlineExceeded, least: 10500 * time.Millisecond, atMost: 10500 * time.Millisecond,
			body: envelope[:10], bodyErr: context.DeadlineExceeded, answeredStatus: 200,
		},
		{
			name: "a body that ends", respond: drip(headers+fmt.Sprintf("Content-Length: %d\r\n\r\n", len(text)), text),
			attempts: 1, reason: tcretry.StopTerminal, code: "AuthFailure", body: text, answeredStatus: 200,
			least: time.Duration(len(text)) * time.Second, atMost: time.Duration(len(text)) * time.Second,
		},
		{
			name: "a whole envelope without an end, with a time for attempts", respond: drip(promised+text, ""), timeout: 10500 * time.Millisecond,
			attempts: 1, reason: tcretry.StopTerminal, code: "AuthFailure", body: text, bodyErr: context.DeadlineExceeded,
			answeredStatus: 200, least: 10500 * time.Millisecond, atMost: 10500 * time.Millisecond,
		},
		{
			name: "a page that is given up", respond: drip(page, long), attempts: 2, reason: tcretry.StopMaxAttempts,
			answeredStatus: 502, atMost: 2 * time.Second,
		},
		{
			name: "a page that is given up, with a time for attempts", respond: drip(page, long), timeout: 10500 * time.Millisecond, attempts: 2,
			reason: tcretry.StopMaxAttempts, answeredStatus: 502, atMost: 2 * time.Second,
		},
	}
}

// TestSlowResponses: a response that arrives at one byte per second takes the time that the
// caller gave, and no more.
func TestSlowResponses(t *testing.T) {
	for _, row := range slowRows() {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { slowCall(t, row) })
		})
	}
}

// slowCall makes the call of a row.
func slowCall(t *testing.T, row slowCase) {
	w := &wire{respond: row.respond}
	var events probe.Events
	opts := []tcretry.Option{tcretry.WithPolicy(hasty(2)), tcretry.WithHooks(events.Hooks())}
	if row.timeout > 0 {
		opts = append(opts, tcretry.WithAttemptTimeout(row.timeout))
	}
	ctx := t.Context()
	if row.deadline > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, row.deadline)
		defer cancel()
	}
	base := w.pipe(t)
	defer func() {
		base.CloseIdleConnections()
		time.Sleep(2 * time.Second) // the servers see that nothing reads
	}()
	req := probe.SDKRequest(t, "DescribeInstances", nil).WithContext(ctx)
	req.URL.Scheme = "http"
	start := time.Now()
	resp, err := tcretry.New(base, opts...).RoundTrip(req)
	took := time.Since(start)
	require.GreaterOrEqual(t, took, row.least)
	require.LessOrEqual(t, took, row.atMost)
	require.Len(t, events.Attempts, row.attempts)
	require.Equal(t, row.reason, events.Done[0].Reason)
	require.Equal(t, row.code, events.Done[0].Code)
	require.ErrorIs(t, err, row.err)
	if row.answeredStatus == 0 {
		return
	}
	require.Equal(t, row.answeredStatus, resp.StatusCode)
	if row.body != "" {
		got, err := io.ReadAll(resp.Body)
		require.ErrorIs(t, err, row.bodyErr)
		require.Equal(t, row.body, string(got))
	}
	require.NoError(t, resp.Body.Close())
}
