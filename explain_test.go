package tcretry_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
)

func TestAnExplanationIsTextForPeople(t *testing.T) {
	p := tcretry.Policy{MaxAttempts: 14, Codes: map[string]tcretry.Rule{
		"ResourceInUse":     {MaxAttempts: 3},
		"cvm:ResourceInUse": {Backoff: tcretry.Backoff{Initial: 5 * time.Second, Max: 5 * time.Second, Jitter: tcretry.NoJitter}},
		"Mine":              {Class: tcretry.Busy, Backoff: tcretry.Backoff{New: func() backoff.BackOff { return nil }}},
		"InternalError":     {Class: tcretry.Terminal},
		"Once":              {Class: tcretry.Busy, MaxAttempts: 1},
		"Lost":              {Class: tcretry.Ambiguous, MaxAttempts: 2},
		"Fine":              {Class: tcretry.Success},
	}}
	var text strings.Builder
	for _, code := range []string{
		"cvm:ResourceInUse.Any", "Mine.Any", "InternalError", "InternalError.Param", "Once", "Lost", "Fine",
		"FailedOperation.ServerBusy", "InternalError.CvmCommon", "No such: code", "internalerror",
		"RequestLimitExceeded", "ResourceInUse", "429", "502", "404", "4400", "4100", "5000", "EOF",
		`Post "https://cvm.tencentcloudapi.com/": dial tcp: lookup cvm.tencentcloudapi.com: no such host`,
	} {
		fmt.Fprintln(&text, p.Explain(code))
	}
	for _, code := range []string{"InternalError", "RequestLimitExceeded.RotateRateLimited", "certificate"} {
		fmt.Fprintln(&text, tcretry.Explain(code))
	}
	requireGolden(t, "explain.txt", text.String())
}

func TestAnExplanationIsJSONForPrograms(t *testing.T) {
	text, err := json.Marshal(tcretry.ConservativePolicy().Explain("cvm.RunInstances:InternalError.Test"))
	require.NoError(t, err)
	require.JSONEq(t, `{
		"code": "InternalError.Test", "service": "cvm", "action": "RunInstances", "class": "terminal",
		"rule": "built in, code InternalError.Test", "policyRules": ["InternalError"],
		"reason": "the alternative specification is sold out", "retry": "no", "maxAttempts": 1
	}`, string(text))

	text, err = json.Marshal(tcretry.DelayRange{Min: time.Second, Max: 2 * time.Second})
	require.NoError(t, err)
	require.Equal(t, `{"min":"1s","max":"2s"}`, string(text))
}

func TestExplainedDelaysAreWithinMaxDelay(t *testing.T) {
	e := tcretry.Policy{MaxDelay: 2500 * time.Millisecond}.Explain("ResourceInUse")
	require.Equal(t, []tcretry.DelayRange{
		{Min: 2 * time.Second, Max: 2500 * time.Millisecond},
		{Min: 2500 * time.Millisecond, Max: 2500 * time.Millisecond},
		{Min: 2500 * time.Millisecond, Max: 2500 * time.Millisecond},
	}, e.Delays)
}

func TestAnExplanationHasTheTimeLimitOfARule(t *testing.T) {
	p := tcretry.Policy{Codes: map[string]tcretry.Rule{"ResourceInUse": {MaxElapsed: 10 * time.Minute}, "InternalError": {MaxAttempts: 30}}}
	require.Contains(t, p.Explain("ResourceInUse").String(), "attempts  any number, within 10m of the start of the call")
	require.Contains(t, p.Explain("ResourceInUse").String(), " and so on")
	require.Contains(t, p.Explain("InternalError").String(), "attempts  30 at most\n")
	text, err := json.Marshal(p.Explain("ResourceInUse"))
	require.NoError(t, err)
	require.Contains(t, string(text), `"maxAttempts":0,`)
	require.Contains(t, string(text), `"maxElapsed":"10m"`)
}

func TestNoRuleIsListedForAnOutcomeWithoutACode(t *testing.T) {
	p := tcretry.Policy{Codes: map[string]tcretry.Rule{"EOF": {Class: tcretry.Busy}, "Status": {Class: tcretry.Busy}}}
	require.Equal(t, []string{"Status"}, p.Explain("Status").PolicyRules)
	require.Empty(t, p.Explain("EOF").PolicyRules, "the rule is for an API error of this code")
}

// Ten delays are listed, at most.
func TestAnExplanationSaysThatItLeavesDelaysOut(t *testing.T) {
	for attempts, more := range map[int]bool{10: false, 11: false, 12: true, 13: true} {
		e := tcretry.Policy{MaxAttempts: attempts}.Explain("InternalError")
		require.Len(t, e.Delays, min(attempts-1, 10))
		require.Equal(t, more, strings.Contains(e.String(), " and so on"), attempts)
	}
}

func TestAnExplanationListsEveryChangeOfRetriesThatBothPoliciesMake(t *testing.T) {
	p := tcretry.Policy{Codes: map[string]tcretry.Rule{
		"RequestLimitExceeded": {MaxAttempts: 2, MaxElapsed: time.Minute, RateLimit: tcretry.NotRateLimited, Backoff: probe.Every(time.Second)},
		"FailedOperation":      {Class: tcretry.Throttled, MaxAttempts: 2},
		"InternalError":        {MaxAttempts: 1},
	}}
	require.Equal(t, []string{
		"attempts: 4 → 2", "time: 2m → 1m", "delays: 1s to 1.5s, 2s to 3s, 4s to 6s → 1s", "rate limited: yes → no",
	}, p.Explain("RequestLimitExceeded").Changes)
	require.Equal(t, []string{"class: terminal → throttled", "attempts: 1 → 2", "retried: no request → every request"},
		p.Explain("FailedOperation").Changes)
	require.Equal(t, []string{"attempts: 4 → 1", "retried: every request → no request"}, p.Explain("InternalError").Changes)
}

func TestOneAttemptExplainsNoDelays(t *testing.T) {
	e := tcretry.Policy{MaxAttempts: 1}.Explain("InternalError")
	require.Equal(t, 1, e.MaxAttempts)
	require.Empty(t, e.Delays)
}

func TestTheTextOfAnExplanationIsPrintableWhateverTheCode(t *testing.T) {
	for _, code := range []string{"InternalError.\x1b[2J\n", "\xff:InternalError", "InternalError." + strings.Repeat("a.", 50000)} {
		probe.RequirePrintable(t, tcretry.Explain(code).String(), 1<<10, "\n")
	}
}

func TestExplainSaysWhichThrottledCodesAreRateLimited(t *testing.T) {
	for code, limited := range map[string]bool{
		"RequestLimitExceeded":                    true,
		"RequestLimitExceeded.UinLimitExceeded":   true,
		"RequestLimitExceeded.NeverHeardOf":       true,
		"FailedOperation.RateLimitExceeded":       true,
		"InvalidParameter.OperationIsTooFrequent": false, // for a minute
	} {
		require.Equal(t, limited, strings.Contains(tcretry.Explain(code).Retry, "at the learned rate limit"), code)
	}
}

func TestExplainRecognizesNumbersStatusesAndTransportErrors(t *testing.T) {
	for text, want := range map[string]struct {
		code  string
		class tcretry.Class
	}{
		"4400":                    {"4400", tcretry.Throttled},
		"4000":                    {"4000", tcretry.Terminal},
		"429":                     {"429", tcretry.Throttled},
		"502":                     {"502", tcretry.Ambiguous},
		"501":                     {"501", tcretry.Terminal},
		"403":                     {"403", tcretry.Terminal},
		"200":                     {"200", tcretry.Success},
		"99":                      {"99", tcretry.Terminal}, // a code of API 2.0: no HTTP status
		"100":                     {"100", tcretry.Success},
		"599":                     {"599", tcretry.Ambiguous},
		"600":                     {"600", tcretry.Terminal},
		"EOF":                     {"EOF", tcretry.Ambiguous},
		"eof":                     {"EOF", tcretry.Ambiguous},
		"dns":                     {"no such host", tcretry.Transient},
		"connection refused":      {"connection refused", tcretry.Transient},
		"certificate":             {"failed to verify certificate", tcretry.Terminal},
		"timeout":                 {"attempt timed out", tcretry.Ambiguous},
		"REFUSED_STREAM":          {"REFUSED_STREAM", tcretry.Transient},
		"InternalError.EOF":       {"InternalError.EOF", tcretry.Transient},
		"cvm:4400":                {"4400", tcretry.Throttled},
		"Resetting":               {"Resetting", tcretry.Terminal},
		`Post "https://x/": EOF`:  {"EOF", tcretry.Ambiguous},
		"read: unexpected EOF":    {"unexpected EOF", tcretry.Ambiguous},
		"a geofence, NEOF things": {"a geofence, NEOF things", tcretry.Terminal},
		"dial tcp 10.0.0.1:443: connect: connection refused": {"connection refused", tcretry.Transient},
	} {
		e := tcretry.Explain(text)
		require.Equal(t, want.code, e.Code, text)
		require.Equal(t, want.class, e.Class, text)
		require.NotEmpty(t, e.Reason, text)
	}
}

func TestEveryTransportErrorHasANameThatExplainRecognizes(t *testing.T) {
	names := tcretry.TransportErrors()
	require.IsIncreasing(t, names)
	for _, name := range names {
		require.Equal(t, name, tcretry.Explain(name).Code)
		require.Equal(t, "built in, transport error", tcretry.Explain(name).Rule)
	}
}

func TestAnUnknownCodeIsExplainedWithTheNearestOne(t *testing.T) {
	for code, want := range map[string]string{
		"internalerror":                    "InternalError",
		"Internalerror":                    "InternalError",
		"cvm:InternalErorr":                "InternalError",
		"ResorceInUse":                     "ResourceInUse",
		"REQUESTLIMITEXCEEDED":             "RequestLimitExceeded",
		"FailedOperation.ServerBussy":      "FailedOperation.ServerBusy",
		"InternalError.Tets":               "", // an unknown sub-code of a known family
		"InternalError":                    "",
		"NoSuchCode":                       "",
		"InvalidParameterValue.InstanceId": "",
		"":                                 "",
	} {
		require.Equal(t, want, tcretry.Explain(code).DidYouMean, code)
	}
}

func TestAnExplanationListsTheRulesOfNarrowerScopes(t *testing.T) {
	p := tcretry.Policy{Codes: map[string]tcretry.Rule{
		"InternalError":                    {MaxAttempts: 3},
		"cvm:InternalError":                {MaxAttempts: 2},
		"cvm.RunInstances:InternalError":   {Class: tcretry.Terminal},
		"vpc.CreateVpc:InternalError.Mine": {Class: tcretry.Terminal},
	}}
	any, cvm := p.Explain("InternalError"), p.Explain("cvm:InternalError")
	require.Equal(t, 3, any.MaxAttempts)
	require.Equal(t, []string{"InternalError"}, any.PolicyRules)
	require.Equal(t, []string{"cvm.RunInstances:InternalError", "cvm:InternalError"}, any.ScopedRules)
	require.Equal(t, 2, cvm.MaxAttempts)
	require.Equal(t, []string{"cvm.RunInstances:InternalError"}, cvm.ScopedRules)
	require.Empty(t, p.Explain("cvm.RunInstances:InternalError").ScopedRules)
}

// firstFailure fails the first attempt with the outcome that a text describes; the
// others succeed.
type firstFailure struct {
	text     string
	attempts int
}

func (f *firstFailure) RoundTrip(req *http.Request) (*http.Response, error) {
	if f.attempts++; f.attempts > 1 {
		return jsonResponse(http.StatusOK, `{"Response":{"RequestId":"2"}}`), nil
	}
	number, notNumber := strconv.Atoi(f.text)
	switch {
	case slices.Contains(tcretry.TransportErrors(), f.text):
		err, written := tcretry.TransportError(f.text)
		trace := httptrace.ContextClientTrace(req.Context()) // as net/http does
		trace.GetConn(req.URL.Host)
		if written {
			trace.WroteHeaders()
		}
		return nil, err
	case notNumber == nil && number < 600:
		return jsonResponse(number, "<html></html>"), nil
	case notNumber == nil:
		return jsonResponse(http.StatusOK, fmt.Sprintf(`{"code":%d,"message":"m"}`, number)), nil
	}
	code, message, _ := strings.Cut(f.text, ": ")
	return jsonResponse(http.StatusOK, fmt.Sprintf(`{"Response":{"Error":{"Code":%q,"Message":%q},"RequestId":"1"}}`, code, message)), nil
}

func jsonResponse(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)),
		ContentLength: int64(len(body)),
	}
}

// explainable returns texts of every kind that Explain recognizes: the codes of the
// catalogue and unknown ones, numbers of API 2.0, HTTP statuses, registered or not,
// and every transport error.
func explainable() []string {
	all := append(tcretry.Codes(), tcretry.TransportErrors()...)
	all = append(all, "RequestLimitExceeded.New", "InternalError.New", "ResourceInUse.New.Sub", "NoSuchCode", "FailedOperation.ServerBusy.New")
	// Codes whose message decides, and codes whose message does not.
	for _, code := range []string{"LimitExceeded", "LimitExceeded.New", "InternalError", "RequestLimitExceeded"} {
		all = append(all, code+": "+probe.PerSecondZH, code+": "+probe.PerSecondEN, code+": unexpected EOF")
	}
	for _, number := range []int{4000, 4100, 4104, 4200, 4300, 4400, 4500, 4600, 5000, 5100, 6000} {
		all = append(all, strconv.Itoa(number))
	}
	for status := 200; status < 600; status++ {
		if http.StatusText(status) != "" || status%100 == 99 {
			all = append(all, strconv.Itoa(status))
		}
	}
	return all
}

// agreeing has a rule of every kind.
var agreeing = tcretry.Policy{MaxAttempts: 6, MaxDelay: 40 * time.Second, Codes: map[string]tcretry.Rule{
	"InternalError":                      {IdempotentOnly: true},
	"InternalError.Test":                 {Class: tcretry.Transient, Backoff: probe.Every(time.Minute)},
	"cvm:ResourceInUse":                  {Class: tcretry.Terminal},
	"cvm.RunInstances:ResourceInUse.New": {Class: tcretry.Busy, MaxAttempts: 2},
	"vpc:FailedOperation":                {Class: tcretry.Busy},
	"FailedOperation.ServerBusy":         {MaxAttempts: 1},
	"NoSuchCode":                         {Class: tcretry.Ambiguous},
	"4400":                               {Class: tcretry.Terminal},
	"5000":                               {Class: tcretry.Busy},
	"InvalidParameter.OperationIsTooFrequent":  {MaxAttempts: 3},
	"UnsupportedOperation":                     {Class: tcretry.Success},
	"cvm.DescribeInstances:InternalError.Test": {Class: tcretry.Throttled},
	"cvm.RunInstances:LimitExceeded":           {MaxAttempts: 2, Backoff: probe.Every(3 * time.Second)},
}}

func TestExplainAndACallAgree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, policy := range map[string]tcretry.Policy{"zero": {}, "rules": agreeing} {
			for _, text := range explainable() {
				for _, action := range []string{"RunInstances", "DescribeInstances"} {
					requireAgreement(t, policy, action, text, name+" "+action+" "+text)
				}
			}
		}
	})
}

// requireAgreement compares the explanation of a text with a call that has this outcome.
func requireAgreement(t *testing.T, policy tcretry.Policy, action, text, name string) {
	argument := text
	if !slices.Contains(tcretry.TransportErrors(), text) {
		argument = "cvm." + action + ":" + text
	}
	e := policy.Explain(argument)
	var events probe.Events
	base := &firstFailure{text: text}
	rt := tcretry.New(base, tcretry.WithPolicy(policy), tcretry.WithHooks(events.Hooks()), tcretry.WithoutRateLimiter())
	resp, err := rt.RoundTrip(probe.SDKRequest(t, action, strings.NewReader("{}")))
	if err == nil {
		_ = resp.Body.Close()
	}
	require.Equal(t, e.Class, events.Attempts[0].Class, name)
	retried := e.MaxAttempts != 1 && (!e.IdempotentOnly || action == "DescribeInstances")
	require.Equal(t, retried, base.attempts == 2, "%s: %+v", name, e)
	if !retried {
		return
	}
	delay := events.Retries[0].Delay
	require.GreaterOrEqual(t, delay, e.Delays[0].Min, name)
	require.LessOrEqual(t, delay, e.Delays[0].Max, name)
}

// The rate limiter sets the time of exactly those retries that Explain reports as rate
// limited.
func TestExplainSaysWhichRetriesTheRateLimiterTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, text := range explainable() {
			var events probe.Events
			rt := tcretry.New(&firstFailure{text: text}, tcretry.WithHooks(events.Hooks()))
			_, _ = rt.RoundTrip(probe.SDKRequest(t, "DescribeInstances", strings.NewReader("{}")))
			limited := len(events.Retries) > 0 && events.Retries[0].RateLimited
			want := strings.Contains(tcretry.Explain(text).Retry, "at the learned rate limit")
			require.Equal(t, limited, want, text)
		}
	})
}
