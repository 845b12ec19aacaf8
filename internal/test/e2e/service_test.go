package e2e_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/tc3"
	"github.com/tcretry/tcretry/tctest"
)

// unwrapping and wrapped are RoundTrippers that let look into them, each in one of
// the two ways that are in use.
type (
	unwrapping struct{ http.RoundTripper }
	wrapped    struct{ http.RoundTripper }
)

func (u unwrapping) Unwrap() http.RoundTripper           { return u.RoundTripper }
func (w wrapped) WrappedRoundTripper() http.RoundTripper { return w.RoundTripper }

// selfWrapping wraps itself.
type selfWrapping struct{ http.RoundTripper }

func (e selfWrapping) Unwrap() http.RoundTripper { return e }

// toGateway returns a request to a host that does not name the service.
func toGateway(t *testing.T, action string) *http.Request {
	req := probe.SDKRequest(t, action, strings.NewReader("{}"))
	req.URL.Host, req.Host = "gateway.local", "gateway.local"
	return req
}

func TestScopedRulesApplyOnAnyHostIfTheServiceIsKnown(t *testing.T) {
	key := tc3.Credentials{SecretID: "AKIDEXAMPLE", SecretKey: "SKEXAMPLE"}
	signing := func(service string, api http.RoundTripper) http.RoundTripper {
		return &tc3.Transport{Source: tc3.Static(key), Service: service, Base: api}
	}
	cvm := tcretry.WithService("cvm")
	for name, row := range map[string]struct {
		base          func(http.RoundTripper) http.RoundTripper
		opts          []tcretry.Option
		authorization string
		service       string
		attempts      int
	}{
		"the base that signs": {
			base:    func(api http.RoundTripper) http.RoundTripper { return signing("cvm", api) },
			service: "cvm", attempts: 1,
		},
		"the base that signs, inside of others": {
			base: func(api http.RoundTripper) http.RoundTripper {
				return unwrapping{wrapped{signing("cvm", api)}}
			},
			service: "cvm", attempts: 1,
		},
		"the option, as the base is hidden": {
			base:    func(api http.RoundTripper) http.RoundTripper { return hidden(signing("cvm", api)) },
			opts:    []tcretry.Option{cvm},
			service: "cvm", attempts: 1,
		},
		"the credential scope": {
			authorization: "TC3-HMAC-SHA256 Credential=AKID/2026-11-23/cvm/tc3_request, SignedHeaders=host, Signature=0",
			service:       "cvm", attempts: 1,
		},
		"the credential scope, before the option": {
			authorization: "TC3-HMAC-SHA256 Credential=AKID/2026-11-23/vpc/tc3_request, SignedHeaders=host, Signature=0",
			opts:          []tcretry.Option{cvm},
			service:       "vpc", attempts: 4,
		},
		"the base, before the option": {
			base:    func(api http.RoundTripper) http.RoundTripper { return signing("vpc", api) },
			opts:    []tcretry.Option{cvm},
			service: "vpc", attempts: 4,
		},
		"the option": {opts: []tcretry.Option{cvm}, service: "cvm", attempts: 1},
		"nobody":     {attempts: 1},
		"a base that wraps itself": {
			base:     func(api http.RoundTripper) http.RoundTripper { return selfWrapping{api} },
			attempts: 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var base http.RoundTripper = probe.Always(tctest.Fail("InternalError", ""))
				if row.base != nil {
					base = row.base(base)
				}
				var events probe.Events
				policy := tcretry.Policy{Codes: map[string]tcretry.Rule{"cvm.RunInstances:InternalError": {Class: tcretry.Terminal}}}
				rt := tcretry.New(base, append(row.opts, tcretry.WithPolicy(policy), tcretry.WithHooks(events.Hooks()))...)
				req := toGateway(t, "RunInstances")
				if row.authorization != "" {
					req.Header.Set("Authorization", row.authorization)
				}
				_, err := rt.RoundTrip(req)
				require.NoError(t, err)
				require.Equal(t, row.attempts, events.Done[0].Attempts)
				require.Equal(t, row.service, events.Done[0].Service)
			})
		})
	}
}

func TestATokenIsAddedOnAnyHostIfTheUnderlyingRoundTripperReportsTheService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		api.Script("RunInstances", tctest.DropAfterExecution(), tctest.OK(nil))
		key := tc3.Credentials{SecretID: "AKIDEXAMPLE", SecretKey: "SKEXAMPLE"}
		base := &tc3.Transport{Source: tc3.Static(key), Service: "cvm", Base: api}
		_, err := tcretry.New(base, tcretry.WithClientTokens()).RoundTrip(toGateway(t, "RunInstances"))
		require.NoError(t, err)
		require.Len(t, api.Recorded(), 2)
		require.Equal(t, 1, api.Executions("RunInstances"))
	})
}

// What forbids a retry to one service is not lifted because nothing names the
// service, and what permits one is not given.
func TestAnUnknownServiceIsTreatedAsTheStrictestThatItMayBe(t *testing.T) {
	for name, row := range map[string]struct {
		rules    map[string]tcretry.Rule
		action   string
		reply    []tctest.Reply // InternalError if it is nil
		attempts int
		reason   tcretry.StopReason
	}{
		"terminal for a service":          {rules: scopedRule("cvm:InternalError", tcretry.Rule{Class: tcretry.Terminal}), attempts: 1, reason: tcretry.StopTerminal},
		"a success for a service":         {rules: scopedRule("cvm:InternalError", tcretry.Rule{Class: tcretry.Success}), attempts: 1, reason: tcretry.StopTerminal},
		"terminal for the action":         {rules: scopedRule("cvm.RunInstances:InternalError", tcretry.Rule{Class: tcretry.Terminal}), attempts: 1, reason: tcretry.StopTerminal},
		"terminal for another action":     {rules: scopedRule("cvm.StopInstances:InternalError", tcretry.Rule{Class: tcretry.Terminal}), attempts: 4, reason: tcretry.StopMaxAttempts},
		"idempotent only":                 {rules: scopedRule("cvm:InternalError", tcretry.Rule{IdempotentOnly: true}), attempts: 1, reason: tcretry.StopNotIdempotent},
		"ambiguous":                       {rules: scopedRule("cvm:InternalError", tcretry.Rule{Class: tcretry.Ambiguous}), attempts: 1, reason: tcretry.StopNotIdempotent},
		"ambiguous, a read":               {rules: scopedRule("cvm:InternalError", tcretry.Rule{Class: tcretry.Ambiguous}), action: "DescribeZones", attempts: 4, reason: tcretry.StopMaxAttempts},
		"fewer attempts":                  {rules: scopedRule("cvm:InternalError", tcretry.Rule{MaxAttempts: 2}), attempts: 2, reason: tcretry.StopMaxAttempts},
		"more attempts":                   {rules: scopedRule("cvm:InternalError", tcretry.Rule{MaxAttempts: 9}), attempts: 4, reason: tcretry.StopMaxAttempts},
		"another code is turned on":       {rules: scopedRule("cvm:Mine", tcretry.Rule{Class: tcretry.Busy}), reply: []tctest.Reply{tctest.Fail("Mine", "")}, attempts: 1, reason: tcretry.StopTerminal},
		"terminal, with HTTP status 429":  {rules: scopedRule("cvm:Mine", tcretry.Rule{Class: tcretry.Terminal}), reply: []tctest.Reply{tctest.Status(429, `{"Response":{"Error":{"Code":"Mine"}}}`)}, attempts: 1, reason: tcretry.StopTerminal},
		"two services, the strictest":     {rules: map[string]tcretry.Rule{"cvm:InternalError": {MaxAttempts: 3}, "vpc:InternalError": {MaxAttempts: 2}}, attempts: 2, reason: tcretry.StopMaxAttempts},
		"a narrower rule for the service": {rules: map[string]tcretry.Rule{"cvm:InternalError": {Class: tcretry.Terminal}, "cvm.RunInstances:InternalError": {Class: tcretry.Transient}, "vpc:InternalError": {MaxAttempts: 3}}, attempts: 3, reason: tcretry.StopMaxAttempts},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if row.action == "" {
					row.action = "RunInstances"
				}
				api := probe.Always(append(row.reply, tctest.Fail("InternalError", ""))[0])
				var events probe.Events
				rt := tcretry.New(api, tcretry.WithHooks(events.Hooks()), tcretry.WithPolicy(tcretry.Policy{Codes: row.rules}))
				_, err := rt.RoundTrip(toGateway(t, row.action))
				require.NoError(t, err)
				require.Equal(t, row.attempts, events.Done[0].Attempts)
				require.Equal(t, row.reason, events.Done[0].Reason)
			})
		})
	}
}

// An action that cannot be read, as that of a form without GetBody, is unknown too.
func TestAnUnknownActionIsTreatedAsTheStrictestThatItMayBe(t *testing.T) {
	for service, attempts := range map[string]int{"cvm": 1, "vpc": 4} {
		synctest.Test(t, func(t *testing.T) {
			var events probe.Events
			rt := tcretry.New(probe.Always(tctest.Fail("InternalError", "")), tcretry.WithHooks(events.Hooks()), tcretry.WithPolicy(tcretry.Policy{
				Codes: scopedRule("cvm.RunInstances:InternalError", tcretry.Rule{Class: tcretry.Terminal}),
			}))
			req := probe.SDKRequest(t, "", strings.NewReader("{}"))
			req.URL.Host, req.Host = service+".tencentcloudapi.com", ""
			_, err := rt.RoundTrip(req)
			require.NoError(t, err)
			require.Equal(t, attempts, events.Done[0].Attempts, service)
		})
	}
}

func TestAServiceThatIsNoNameIsRefused(t *testing.T) {
	for _, service := range []string{"", "CVM", "cvm.tencentcloudapi.com", "cvm:x"} {
		_, err := tcretry.NewTransport(nil, tcretry.WithService(service))
		require.ErrorContains(t, err, "WithService", service)
	}
}

func scopedRule(key string, rule tcretry.Rule) map[string]tcretry.Rule {
	return map[string]tcretry.Rule{key: rule}
}
