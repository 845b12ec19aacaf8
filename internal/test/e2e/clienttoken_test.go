package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/bodies/bodytest"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/tctest"
)

// tokenPattern is the form that the official SDK gives a token.
const tokenPattern = `^[0-9A-F]{8}-[0-9A-F]{4}-4[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}$`

// sentBody is the body that reaches the underlying RoundTripper of a Transport that adds tokens.
func sentBody(t *testing.T, req *http.Request, opts ...tcretry.Option) string {
	t.Helper()
	api := tctest.NewAPI()
	resp, err := tcretry.New(api, append([]tcretry.Option{tcretry.WithClientTokens()}, opts...)...).RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return string(api.Recorded()[0].Body)
}

// without is a body less the token that was given to it, and that token.
func without(t *testing.T, body string) (rest, token string) {
	t.Helper()
	before, after, ok := strings.Cut(body, `"ClientToken":"`)
	require.True(t, ok, "no token in %s", body)
	token, after, _ = strings.Cut(after, `"`)
	require.Regexp(t, tokenPattern, token)
	return before + strings.TrimPrefix(after, ","), token
}

func TestANonIdempotentRequestIsRetriedWithItsTokenAndExecutedOnce(t *testing.T) {
	for name, lost := range map[string]tctest.Reply{
		"the connection is closed": tctest.DropAfterExecution(), "it is reset": tctest.ResetInHeaders(),
		"half of the body": tctest.Truncate(9, tctest.OK(nil)), "a gateway's page": tctest.AfterExecution(tctest.GatewayError(http.StatusGatewayTimeout)),
	} {
		synctest.Test(t, func(t *testing.T) {
			for _, given := range []bool{false, true} {
				api := tctest.NewAPI()
				api.Script("RunInstances", lost, tctest.OK(map[string]any{"InstanceIdSet": []string{"ins-1"}}))
				var events probe.Events
				opts := []tcretry.Option{tcretry.WithHooks(events.Hooks())}
				if given {
					opts = append(opts, tcretry.WithClientTokens())
				}
				resp, err := tcretry.New(api, opts...).RoundTrip(probe.APIRequest(t, "cvm", "RunInstances", `{"ImageId":"img-1"}`))
				require.Equal(t, 1, api.Executions("RunInstances"), name)
				if !given {
					require.Equal(t, tcretry.StopNotIdempotent, events.Done[0].Reason, name)
					continue
				}
				require.NoError(t, err, name)
				require.NoError(t, tcretry.CheckResponse(resp), name)
				calls := api.Recorded()
				require.Len(t, calls, 2, name)
				require.Equal(t, calls[0].Body, calls[1].Body, name)
				require.Equal(t, calls[0].ClientToken, events.Attempts[0].ClientToken, name)
				require.Equal(t, calls[0].ClientToken, events.Attempts[1].ClientToken, name)
				require.Equal(t, calls[0].ClientToken, events.Done[0].ClientToken, name)
			}
		})
	}
}

func TestATokenIsAddedOnlyWithTheOption(t *testing.T) {
	api := tctest.NewAPI()
	var events probe.Events
	_, err := tcretry.New(api, tcretry.WithHooks(events.Hooks())).RoundTrip(probe.APIRequest(t, "cvm", "RunInstances", `{}`))
	require.NoError(t, err)
	require.Equal(t, `{}`, string(api.Recorded()[0].Body))
	require.Empty(t, events.Done[0].ClientToken)
}

func TestEveryCallHasATokenOfItsOwn(t *testing.T) {
	_, first := without(t, sentBody(t, probe.APIRequest(t, "cvm", "RunInstances", `{}`)))
	_, second := without(t, sentBody(t, probe.APIRequest(t, "cvm", "RunInstances", `{}`)))
	require.NotEqual(t, first, second)
}

func TestTheActionsWithATokenAreThoseOfTheSDK(t *testing.T) {
	raw, err := os.ReadFile("../../../testdata/vectors/clienttoken_actions.json")
	require.NoError(t, err)
	var file struct {
		ClientToken map[string][]string `json:"client_token"`
	}
	require.NoError(t, json.Unmarshal(raw, &file))
	want := []string{"service\taction\tunprotected"}
	for service, actions := range file.ClientToken {
		for _, action := range actions {
			want = append(want, service+"\t"+action)
		}
	}
	slices.Sort(want[1:])

	table, err := os.ReadFile("../../../internal/request/clienttokens.tsv")
	require.NoError(t, err)
	got := strings.Split(strings.TrimSuffix(string(table), "\n"), "\n")
	var unprotected int
	for i, line := range got[1:] {
		columns := strings.Split(line, "\t")
		require.Len(t, columns, 3, line)
		got[i+1] = columns[0] + "\t" + columns[1]
		body := sentBody(t, probe.APIRequest(t, columns[0], columns[1], `{}`))
		if columns[2] != "" {
			unprotected++
			require.Equal(t, `{}`, body, "a token does not protect %s", got[i+1])
			continue
		}
		without(t, body)
	}
	require.Equal(t, want, got)
	require.Equal(t, 5, unprotected)
}

func TestNoTokenIsAddedWhereItIsNotDocumentedToProtect(t *testing.T) {
	gone := errors.New("gone")
	for name, change := range map[string]func(*http.Request){
		"an action that has none": func(r *http.Request) { r.Header.Set("X-TC-Action", "StartInstances") },
		"one of another service":  func(r *http.Request) { r.URL.Host, r.Host = "lighthouse.tencentcloudapi.com", "" },
		"one of no known service": func(r *http.Request) { r.URL.Host, r.Host = "gateway.example", "" },
		"another method":          func(r *http.Request) { r.Method = http.MethodPut },
		"a type that is not JSON": func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") },
		"no address":              func(r *http.Request) { r.URL = nil },
		"signed above":            func(r *http.Request) { r.Header["authorization"] = []string{"TC3-HMAC-SHA256 …"} },
		"not to be signed":        func(r *http.Request) { r.Header.Set("Authorization", "SKIP") },
		"a v1 signature":          func(r *http.Request) { r.URL.RawQuery = "SecretId=AKIDEXAMPLE&Signature=c2ln" },
		"longer than it says":     func(r *http.Request) { r.ContentLength = 1 },
		"shorter than it says":    func(r *http.Request) { r.ContentLength = 7 },
		"longer than the limit":   func(r *http.Request) { r.GetBody, r.ContentLength = nil, 9 },
		"a copy just over the limit": func(r *http.Request) {
			r.GetBody, r.ContentLength = getBody(iotest.DataErrReader(strings.NewReader(`{"A":123}`))), -1
		},
		"a copy that cannot be had":  func(r *http.Request) { r.GetBody = func() (io.ReadCloser, error) { return nil, gone } },
		"a copy that is nil":         func(r *http.Request) { r.GetBody = func() (io.ReadCloser, error) { return nil, nil } },
		"a copy that cannot be read": func(r *http.Request) { r.GetBody = getBody(iotest.ErrReader(gone)) },
		"a copy over the limit":      func(r *http.Request) { r.GetBody = getBody(strings.NewReader(`{"A":123}`)) },
		"a copy of another kind":     func(r *http.Request) { r.GetBody = getBody(strings.NewReader(`A=1`)) },
		"no body":                    func(r *http.Request) { r.Body, r.GetBody, r.ContentLength = http.NoBody, nil, 0 },
	} {
		req := probe.APIRequest(t, "cvm", "RunInstances", `{}`)
		change(req)
		before := *req
		var sent http.Request
		var events probe.Events
		base := probe.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
			sent = *r
			return nil, errors.New("no network")
		})
		_, err := tcretry.New(base, tcretry.WithClientTokens(), tcretry.WithMaxReplayBytes(8), tcretry.WithHooks(events.Hooks()),
			tcretry.WithPolicy(tcretry.Policy{MaxAttempts: 2})).RoundTrip(req)
		require.ErrorContains(t, err, "no network", name)
		require.True(t, before.Body == sent.Body, "%s: the body is passed on", name)
		require.Equal(t, before.ContentLength, sent.ContentLength, name)
		require.Empty(t, events.Done[0].ClientToken, name)
	}
}

// A body of as many bytes as WithMaxReplayBytes names gets a token, and a longer one none,
// whether its length is known or not.
func TestATokenIsAddedToABodyUpToTheLimit(t *testing.T) {
	const text = `{"ImageId":"img-1"}`
	for _, length := range []int64{int64(len(text)), -1} {
		for _, limit := range []int{len(text) - 1, len(text)} {
			req := probe.APIRequest(t, "cvm", "RunInstances", text)
			req.ContentLength = length
			sent := sentBody(t, req, tcretry.WithClientTokens(), tcretry.WithMaxReplayBytes(int64(limit)))
			require.Equal(t, limit == len(text), strings.Contains(sent, "ClientToken"), "%d, %d", length, limit)
		}
	}
}

func getBody(r io.Reader) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(r), nil }
}

// A call of one attempt has nothing to protect, and is as if made without us.
func TestNoTokenIsGivenToACallOfOneAttempt(t *testing.T) {
	for _, opt := range []tcretry.Option{tcretry.WithPolicy(tcretry.Policy{MaxAttempts: 1}), tcretry.WithMaxReplayBytes(0)} {
		require.Equal(t, `{}`, sentBody(t, probe.APIRequest(t, "cvm", "RunInstances", `{}`), opt))

		req := probe.APIRequest(t, "cvm", "RunInstances", `{}`)
		req.GetBody, req.ContentLength = nil, -1
		base := probe.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
			require.True(t, req.Body == r.Body, "the body is passed on")
			return nil, errors.New("no network")
		})
		_, err := tcretry.New(base, tcretry.WithClientTokens(), opt).RoundTrip(req)
		require.Error(t, err)
	}
}

func TestEveryCopyOfABodyThatIsReadForATokenIsClosed(t *testing.T) {
	for _, text := range []string{`{}`, `[]`, `{"A":123}`} {
		copies := 0
		closed := &probe.CloseCounter{}
		req := probe.APIRequest(t, "cvm", "RunInstances", text)
		req.ContentLength = -1
		req.GetBody = func() (io.ReadCloser, error) {
			copies++
			return struct {
				io.Reader
				io.Closer
			}{strings.NewReader(text), closed}, nil
		}
		_, err := tcretry.New(tctest.NewAPI(), tcretry.WithClientTokens(), tcretry.WithMaxReplayBytes(8)).RoundTrip(req)
		require.NoError(t, err)
		require.Equal(t, 1, copies, text)
		require.Equal(t, 1, closed.Closed, text)
	}
}

func TestTheRequestThatIsGivenATokenIsNotModified(t *testing.T) {
	req := probe.APIRequest(t, "cvm", "RunInstances", `{"ImageId":"img-1"}`)
	body := &probe.CloseCounter{Reader: req.Body}
	req.Body = body
	before, header := *req, req.Header.Clone()
	api := tctest.NewAPI(tctest.DropAfterExecution())
	resp, err := tcretry.New(api, tcretry.WithClientTokens()).RoundTrip(req)
	require.NoError(t, err)
	require.Same(t, req, resp.Request, "the answer knows the caller's request")
	require.Same(t, body, req.Body)
	require.Equal(t, 1, body.Closed)
	require.Equal(t, before.ContentLength, req.ContentLength)
	require.Equal(t, header, req.Header)
	kept, err := req.GetBody()
	require.NoError(t, err)
	text, err := io.ReadAll(kept)
	require.NoError(t, err)
	require.JSONEq(t, `{"ImageId":"img-1"}`, string(text))
}

func TestABodyWithoutGetBodyIsGivenAToken(t *testing.T) {
	body := &probe.CloseCounter{Reader: iotest.OneByteReader(strings.NewReader(`{"ImageId":"img-1"}`))}
	req := probe.APIRequest(t, "cvm", "RunInstances", ``)
	req.Body, req.GetBody, req.ContentLength = body, nil, -1
	api := tctest.NewAPI(tctest.DropAfterExecution())
	_, err := tcretry.New(api, tcretry.WithClientTokens()).RoundTrip(req)
	require.NoError(t, err)
	require.Len(t, api.Recorded(), 2)
	for _, call := range api.Recorded() {
		rest, _ := without(t, string(call.Body))
		require.Equal(t, `{"ImageId":"img-1"}`, rest)
		require.Equal(t, api.Recorded()[0].Body, call.Body)
	}
	require.Equal(t, 1, body.Closed)
}

func TestABodyWithoutGetBodyThatGetsNoTokenArrivesAsItWas(t *testing.T) {
	gone := errors.New("gone")
	for name, row := range map[string]struct {
		body string
		end  error
	}{
		"its own token":        {`{"ClientToken":"mine"}`, io.EOF},
		"no object":            {`[1,2]`, io.EOF},
		"nothing":              {``, io.EOF},
		"longer than is kept":  {`{"UserData":"` + strings.Repeat("a", 100) + `"}`, io.EOF},
		"an error":             {`{"A":1}`, gone},
		"an error after a lot": {`{"UserData":"` + strings.Repeat("a", 100) + `"}`, gone},
	} {
		body := &probe.CloseCounter{Reader: io.MultiReader(strings.NewReader(row.body), iotest.ErrReader(row.end))}
		req := probe.APIRequest(t, "cvm", "RunInstances", ``)
		req.Body, req.GetBody, req.ContentLength = body, nil, -1
		var events probe.Events
		base := probe.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
			text, err := io.ReadAll(r.Body)
			require.Equal(t, row.body, string(text), name)
			if row.end == io.EOF {
				require.NoError(t, err, name)
			} else {
				require.Same(t, row.end, err, name)
			}
			require.EqualValues(t, -1, r.ContentLength, name)
			require.NoError(t, r.Body.Close())
			return nil, errors.New("no network")
		})
		_, err := tcretry.New(base, tcretry.WithClientTokens(), tcretry.WithMaxReplayBytes(50), tcretry.WithHooks(events.Hooks()),
			tcretry.WithPolicy(probe.Quick())).RoundTrip(req)
		require.Error(t, err, name)
		require.Empty(t, events.Done[0].ClientToken, name)
		require.Equal(t, 1, body.Closed, name)
	}
}

// A body that never comes does not outlive its call.
func TestTheEndOfTheContextEndsTheReadingOfABody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader, writer := io.Pipe()
		defer writer.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		req := probe.APIRequest(t, "cvm", "RunInstances", ``).WithContext(ctx)
		req.Body, req.GetBody, req.ContentLength = reader, nil, -1
		_, err := tcretry.New(tctest.NewAPI(), tcretry.WithClientTokens()).RoundTrip(req)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

// An application's own rule stands, whatever was given.
func TestWithIdempotencyReceivesTheRequestWithItsToken(t *testing.T) {
	api := tctest.NewAPI(tctest.DropAfterExecution())
	var seen string
	rule := func(r *http.Request) bool {
		body, err := r.GetBody()
		require.NoError(t, err)
		text, err := io.ReadAll(body)
		require.NoError(t, err)
		_, seen = without(t, string(text))
		return false
	}
	_, err := tcretry.New(api, tcretry.WithClientTokens(), tcretry.WithIdempotency(rule)).RoundTrip(probe.APIRequest(t, "cvm", "RunInstances", `{}`))
	require.Error(t, err)
	require.Equal(t, api.Recorded()[0].ClientToken, seen)
}

func TestTheBufferThatABodyIsReadIntoIsGivenBack(t *testing.T) {
	before := bodytest.InUse()
	for _, text := range []string{`{}`, `[]`, `{"ClientToken":"mine"}`} {
		api := tctest.NewAPI()
		req := probe.SDKRequest(t, "RunInstances", nil)
		req.Header.Del("Authorization")
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
		req.Body, _ = req.GetBody()
		req.ContentLength = -1
		resp, err := tcretry.New(api, tcretry.WithClientTokens()).RoundTrip(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, text == `{}`, string(api.Recorded()[0].Body) != text)
	}
	require.Equal(t, before, bodytest.InUse())
}
