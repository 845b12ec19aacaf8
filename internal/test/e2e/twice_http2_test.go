package e2e_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tctest"
)

// reset ends the stream with a code.
func reset(code uint32) func(uint32) frame {
	return func(stream uint32) frame { return newFrame(frameRST, stream, code) }
}

// goAway ends the connection: the last stream that the server may have processed
// is ours, or one before it.
func goAway(before, code uint32) func(uint32) frame {
	return func(stream uint32) frame { return newFrame(frameGoAway, 0, max(stream, before)-before, code) }
}

// http2Lost are the ways of HTTP/2 in which a server that has executed a request
// fails to say so.
var http2Lost = map[string]struct {
	reply tctest.Reply
	fault http2Fault
	gets  string
}{
	"the stream is reset with INTERNAL_ERROR":        {tctest.DropAfterExecution(), http2Fault{frame: reset(codeInternal)}, "an error"},
	"the stream is reset with CANCEL":                {tctest.DropAfterExecution(), http2Fault{frame: reset(codeCancel)}, "an error"},
	"the stream is reset amid the answer":            {tctest.Truncate(40, tctest.OK(nil)), http2Fault{frame: reset(codeCancel)}, "40 bytes of a body, then an error"},
	"GOAWAY, our stream was processed":               {tctest.DropAfterExecution(), http2Fault{frame: goAway(0, codeNone), hangUp: true}, "an error"},
	"GOAWAY with an error, our stream was processed": {tctest.DropAfterExecution(), http2Fault{frame: goAway(0, codeInternal), hangUp: true}, "an error"},
	"GOAWAY amid the answer":                         {tctest.Truncate(40, tctest.OK(nil)), http2Fault{frame: goAway(0, codeNone), hangUp: true}, "40 bytes of a body, then an error"},
}

func TestNothingIsExecutedTwiceOverHTTP2(t *testing.T) {
	t.Parallel()
	for name, row := range http2Lost {
		eachRequest([]string{"HTTP/2"}, func(request, _, shape, kind string) {
			t.Run(name+"/"+request, func(t *testing.T) {
				api, ask := tctest.NewAPI(), kinds[kind]
				api.Script(ask.action, row.reply, tctest.OK(nil))
				o := relayedCall(t, api, row.fault, true, shape, kind)
				requireOutcome(t, api, o, kind, row.gets)
			})
		})
	}
}

// relayedCall makes a call whose first stream is broken.
func relayedCall(t *testing.T, api *tctest.API, fault http2Fault, used bool, shape, kind string) outcome {
	relay, base := startRelay(t, api, fault)
	if used {
		useConnection(t, "https", base)
	}
	relay.armed.Store(true)
	ask := kinds[kind]
	return twiceCall("https", base, shapes[shape](t, ask.action, ask.params))
}

// TestARequestThatHTTP2DidNotProcessIsRetriedForEveryAction: the server says so. Most of
// these net/http resends by itself, and the call sees one attempt.
func TestARequestThatHTTP2DidNotProcessIsRetriedForEveryAction(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]http2Fault{
		"REFUSED_STREAM":                          {frame: reset(codeRefused)},
		"GOAWAY before our stream":                {frame: goAway(2, codeNone)},
		"GOAWAY with an error, before our stream": {frame: goAway(2, codeCalm)},
		"GOAWAY before our stream, and the end":   {frame: goAway(2, codeNone), hangUp: true},
	} {
		fault.unprocessed = true
		for _, used := range []bool{false, true} {
			eachRequest([]string{"HTTP/2"}, func(request, _, shape, kind string) {
				t.Run(fmt.Sprintf("%s/used before %t/%s", name, used, request), func(t *testing.T) {
					api := tctest.NewAPI()
					o := relayedCall(t, api, fault, used, shape, kind)
					require.Equal(t, "success", o.gets)
					require.Equal(t, 1, api.Executions(kinds[kind].action))
					for _, attempt := range o.Attempts[:len(o.Attempts)-1] {
						require.Equal(t, tcretry.Transient, attempt.Class)
					}
				})
			})
		}
	}
}

// TestAStreamResetWithPROTOCOLERRORIsResentByNetHTTP is the exception: net/http
// takes that code for one of a server which did not process the request
// (go.dev/issue/47635), and resends what has a GetBody. A server may have
// executed it all the same. An underlying RoundTripper that must not resend a POST is given one
// without GetBody: the call keeps the body itself.
func TestAStreamResetWithPROTOCOLERRORIsResentByNetHTTP(t *testing.T) {
	for shape, executions := range map[string]int{
		"TC3 JSON": 2, "v1 form": 2, "TC3 multipart": 2,
		"v1 GET": 1, "TC3 multipart without GetBody": 1, "TC3 JSON with the SDK's key": 1,
	} {
		api := tctest.NewAPI()
		api.Script("RunInstances", tctest.DropAfterExecution())
		o := relayedCall(t, api, http2Fault{frame: reset(codeProtocol)}, false, shape, "order")
		require.Equal(t, executions, api.Executions("RunInstances"), shape)
		require.Len(t, o.Attempts, 1, "of ours")
	}
}
