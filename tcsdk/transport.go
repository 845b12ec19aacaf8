package tcsdk

import (
	"errors"
	"net/http"

	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"

	"github.com/tcretry/tcretry"
)

// Client is a client of the official SDK: of any product, as they all embed
// common.Client, or a *common.Client.
type Client interface {
	GetCredential() common.CredentialIface
	WithCredential(common.CredentialIface) *common.Client
	WithHttpTransport(http.RoundTripper) *common.Client
}

// Transport is one tcretry.Transport for many clients of the SDK, each with an
// underlying RoundTripper of its own. Make one per program with [New], and pass every
// client to [Transport.Use]. It is an http.RoundTripper as well, for
// common.DefaultHttpClient and http.DefaultTransport: the underlying RoundTripper of
// such requests is that of tcretry.New(nil). A Transport is safe for concurrent use by
// many goroutines.
type Transport struct {
	*tcretry.Transport
	router *router
}

// New returns a Transport with the options of tcretry.New. It panics with the error of
// [NewTransport] if an option is invalid.
func New(opts ...tcretry.Option) *Transport {
	t, err := NewTransport(opts...)
	if err != nil {
		panic(err)
	}
	return t
}

// NewTransport returns a Transport with the options of tcretry.New. Its error is the one
// of tcretry.NewTransport, which joins every invalid option.
func NewTransport(opts ...tcretry.Option) (*Transport, error) {
	r := newRouter()
	retry, err := tcretry.NewTransport(r, opts...)
	if err != nil {
		return nil, err
	}
	return &Transport{retry, r}, nil
}

// Use puts the Transport under clients of the SDK. The RoundTripper of a client becomes
// the underlying one of its attempts: that of the SDK, with its idle time-out of 30
// seconds and HttpProfile.Proxy, or the one that WithHttpTransport set, such as a
// tc3.Transport. HttpProfile.ReqTimeout limits a call, all attempts together. A second Use
// of a client, by this Transport or another, replaces the first: it does not nest.
// WithHttpTransport after Use takes the Transport away again: call Use once more. Clients
// made with common.DefaultHttpClient share one http.Client: Use applies to all of them then.
//
// Use returns an error, and changes no client, if the profile of one of them has retries
// of its own on (NetworkFailureMaxRetries, RateLimitExceededMaxRetries,
// UnsafeRetryOnConnectionFailure), which would multiply those of the Transport, or its
// region breaker (see [Transport.UseWithRegionBreaker]). The error joins every
// invalid value, each a *ProfileError.
//
// Call Use where the client is made: not while calls of the client are in progress.
func (t *Transport) Use(clients ...Client) error { return t.use(clients, false) }

// UseWithRegionBreaker is Use for clients whose region breaker may be on
// (DisableRegionBreaker: false). The breaker counts calls, not attempts: it
// switches to its backup endpoint after five failed calls, which are up to 20
// attempts by default. Set Policy.MaxAttempts to 2 for 10 attempts, or to 1 for 5 as
// without tcretry.
func (t *Transport) UseWithRegionBreaker(clients ...Client) error { return t.use(clients, true) }

func (t *Transport) use(clients []Client, breaker bool) error {
	var errs []error
	all := make([]*settings, len(clients))
	for i, c := range clients {
		s, err := settingsOf(c)
		if err != nil {
			errs = append(errs, &ProfileError{Client: i, Field: "Client", Value: typeName(c), Reason: err.Error()})
			continue
		}
		all[i] = s
		errs = append(errs, s.check(i, breaker)...)
	}
	bases := make([]http.RoundTripper, len(clients))
	for i, s := range all {
		if s == nil {
			continue
		}
		var err error
		if bases[i], err = s.base(); err != nil {
			errs = append(errs, &ProfileError{Client: i, Field: "HttpProfile.Proxy", Value: "set", Reason: err.Error()})
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for i, c := range clients {
		c.WithHttpTransport(&clientTransport{t: t, base: bases[i]})
	}
	return nil
}
