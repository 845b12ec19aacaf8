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
// underlying RoundTripper of its own. Make one with [New] for a program and pass
// it every client by [Transport.Use]. It is an http.RoundTripper as well, for
// common.DefaultHttpClient and http.DefaultTransport: the underlying RoundTripper of
// such requests is what a nil base means for tcretry.New. It is safe for use from
// many goroutines.
type Transport struct {
	*tcretry.Transport
	router *router
}

// New returns a Transport with the options of tcretry.New. Like that it panics
// when one is not valid.
func New(opts ...tcretry.Option) *Transport {
	t, err := NewTransport(opts...)
	if err != nil {
		panic(err)
	}
	return t
}

// NewTransport returns a Transport with the options of tcretry.New. Its error is
// that of tcretry.NewTransport.
func NewTransport(opts ...tcretry.Option) (*Transport, error) {
	r := newRouter()
	retry, err := tcretry.NewTransport(r, opts...)
	if err != nil {
		return nil, err
	}
	return &Transport{retry, r}, nil
}

// Use puts the Transport under clients of the SDK. What a client used so far
// becomes the underlying RoundTripper of its attempts: that of the SDK, with its idle
// time-out of 30 seconds and HttpProfile.Proxy, or what WithHttpTransport set,
// such as a tc3.Transport. HttpProfile.ReqTimeout still limits a call, all attempts
// together. To use a client again, by this Transport or another, replaces and does
// not nest. Clients made with common.DefaultHttpClient share one http.Client:
// Use applies to all of them then.
//
// Use returns an error, and changes no client, if the profile of one of them has retries
// of its own on (NetworkFailureMaxRetries, RateLimitExceededMaxRetries,
// UnsafeRetryOnConnectionFailure), which would multiply those of the Transport, or its
// region breaker (see [Transport.UseWithRegionBreaker]). The error joins every
// invalid value, each a *ProfileError.
//
// Call it where the client is made: not while calls of the client are in progress.
func (t *Transport) Use(clients ...Client) error { return t.use(clients, false) }

// UseWithRegionBreaker is Use for clients whose region breaker may be on, which is
// what DisableRegionBreaker: false means. The breaker counts calls, not attempts: it
// switches to its backup endpoint after five failed calls, which are up to 20
// attempts by default. Set Policy.MaxAttempts to 2 for 10 attempts, or to 1 for 5 as
// without tcretry.
func (t *Transport) UseWithRegionBreaker(clients ...Client) error { return t.use(clients, true) }

func (t *Transport) use(clients []Client, breaker bool) error {
	var errs []error
	found := make([]*found, len(clients))
	for i, c := range clients {
		f, err := find(c)
		if err != nil {
			errs = append(errs, &ProfileError{Client: i, Field: "Client", Value: typeName(c), Reason: err.Error()})
			continue
		}
		found[i] = f
		errs = append(errs, f.check(i, breaker)...)
	}
	bases := make([]http.RoundTripper, len(clients))
	for i, f := range found {
		if f == nil {
			continue
		}
		var err error
		if bases[i], err = f.base(); err != nil {
			errs = append(errs, &ProfileError{Client: i, Field: "HttpProfile.Proxy", Value: "set", Reason: err.Error()})
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for i, c := range clients {
		c.WithHttpTransport(&bound{t: t, base: bases[i]})
	}
	return nil
}
