package tcretry_test

import (
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

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
)

// subjectBase answers the first attempt as its subject says, and others with success.
type subjectBase struct {
	subject  string
	attempts int
}

func (f *subjectBase) RoundTrip(req *http.Request) (*http.Response, error) {
	if f.attempts++; f.attempts > 1 {
		return subjectResponse(http.StatusOK, `{"Response":{"RequestId":"2"}}`), nil
	}
	number, notNumber := strconv.Atoi(f.subject)
	switch {
	case slices.Contains(tcretry.TransportErrors(), f.subject):
		err, written := tcretry.TransportError(f.subject)
		trace := httptrace.ContextClientTrace(req.Context()) // as net/http does
		trace.GetConn(req.URL.Host)
		if written {
			trace.WroteHeaders()
		}
		return nil, err
	case notNumber == nil && number < 600:
		return subjectResponse(number, "<html></html>"), nil
	case notNumber == nil:
		return subjectResponse(http.StatusOK, fmt.Sprintf(`{"code":%d,"message":"m"}`, number)), nil
	}
	code, message, _ := strings.Cut(f.subject, ": ")
	return subjectResponse(http.StatusOK, fmt.Sprintf(`{"Response":{"Error":{"Code":%q,"Message":%q},"RequestId":"1"}}`, code, message)), nil
}

func subjectResponse(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)),
		ContentLength: int64(len(body)),
	}
}

// subjects are all that Explain tells something about: the codes of the catalogue
// and some that are not in it, the numbers of API 2.0, HTTP statuses, known and not,
// and every transport error.
func subjects() []string {
	all := append(tcretry.Codes(), tcretry.TransportErrors()...)
	all = append(all, "RequestLimitExceeded.New", "InternalError.New", "ResourceInUse.New.Sub", "NoSuchCode", "FailedOperation.ServerBusy.New")
	// Codes whose text has a say, and some that it has none of.
	for _, code := range []string{"LimitExceeded", "LimitExceeded.New", "InternalError", "RequestLimitExceeded"} {
		all = append(all, code+": "+perSecondZH, code+": "+perSecondEN, code+": unexpected EOF")
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
	"InternalError.Test":                 {Class: tcretry.Transient, Backoff: every(time.Minute)},
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
	"cvm.RunInstances:LimitExceeded":           {MaxAttempts: 2, Backoff: every(3 * time.Second)},
}}

func TestExplainAndACallAgree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, policy := range map[string]tcretry.Policy{"zero": {}, "rules": agreeing} {
			for _, subject := range subjects() {
				for _, action := range []string{"RunInstances", "DescribeInstances"} {
					requireAgreement(t, policy, action, subject, name+" "+action+" "+subject)
				}
			}
		}
	})
}

// requireAgreement compares the explanation of a subject with a call that meets it.
func requireAgreement(t *testing.T, policy tcretry.Policy, action, subject, name string) {
	asked := subject
	if !slices.Contains(tcretry.TransportErrors(), subject) {
		asked = "cvm." + action + ":" + subject
	}
	e := policy.Explain(asked)
	var told told
	base := &subjectBase{subject: subject}
	rt := tcretry.New(base, tcretry.WithPolicy(policy), tcretry.WithHooks(told.hooks()), tcretry.WithoutRateLimiter())
	resp, err := rt.RoundTrip(sdkRequest(t, action, strings.NewReader("{}")))
	if err == nil {
		_ = resp.Body.Close()
	}
	require.Equal(t, e.Class, told.attempts[0].Class, name)
	retried := e.MaxAttempts != 1 && (!e.IdempotentOnly || action == "DescribeInstances")
	require.Equal(t, retried, base.attempts == 2, "%s: %+v", name, e)
	if !retried {
		return
	}
	delay := told.retries[0].Delay
	require.GreaterOrEqual(t, delay, e.Delays[0].Min, name)
	require.LessOrEqual(t, delay, e.Delays[0].Max, name)
}

// The rate limiter sets the time of those retries that Explain says so of.
func TestExplainSaysWhichRetriesTheRateLimiterTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, subject := range subjects() {
			var told told
			rt := tcretry.New(&subjectBase{subject: subject}, tcretry.WithHooks(told.hooks()))
			_, _ = rt.RoundTrip(sdkRequest(t, "DescribeInstances", strings.NewReader("{}")))
			paced := len(told.retries) > 0 && told.retries[0].RateLimited
			says := strings.Contains(tcretry.Explain(subject).Retry, "at the learned rate limit")
			require.Equal(t, paced, says, subject)
		}
	})
}
