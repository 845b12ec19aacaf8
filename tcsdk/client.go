package tcsdk

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"

	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"
)

// ProfileError is one invalid value in the profile of a client, or a client that
// cannot be used.
type ProfileError struct {
	// Client is the index of the client in the arguments of Use.
	Client int
	// Field is the field of the profile, "NetworkFailureMaxRetries" for example, or
	// "Client" for the client itself.
	Field string
	// Value is the value of the field. That of HttpProfile.Proxy is left out, because it
	// may hold a password.
	Value any
	// Reason says what is wrong with the value and what to set.
	Reason string
}

// Error returns the text of e.
func (e *ProfileError) Error() string {
	return fmt.Sprintf("tcretry: tcsdk: client %d: %s(%v): %s", e.Client+1, e.Field, e.Value, e.Reason)
}

// settings are the settings of a client of the SDK.
type settings struct {
	http    *http.Client
	profile *profile.ClientProfile // nil if the client has none
}

// settingsOf reads the settings of a client. They are unexported, and there is no other
// way to the RoundTripper that the client uses now: a copy of the SDK's code would lose
// the one that WithHttpTransport or DefaultHttpClient set. A field that the SDK renames is
// an error, which the tests detect with each version of the SDK.
func settingsOf(c Client) (s *settings, err error) {
	defer func() {
		if recover() != nil { // a nil client, or one that was not initialized
			err = errors.New("it is nil or was not made by a New function of the SDK")
		}
	}()
	inner := reflect.ValueOf(c.WithCredential(c.GetCredential())).Elem()
	s = new(settings)
	if s.http, err = pointer[http.Client](inner, "httpClient"); err != nil {
		return nil, err
	}
	if s.profile, err = pointer[profile.ClientProfile](inner, "profile"); err != nil {
		return nil, err
	}
	if s.http == nil {
		return nil, errors.New("it was not made by a New function of the SDK: call Init")
	}
	return s, nil
}

// pointer returns the value of a field of type *T.
func pointer[T any](of reflect.Value, name string) (*T, error) {
	field := of.FieldByName(name)
	if !field.IsValid() || field.Type() != reflect.TypeFor[*T]() {
		return nil, fmt.Errorf("%s of this version of the SDK has no field %s of type %v: tcsdk needs to be updated", of.Type(), name, reflect.TypeFor[*T]())
	}
	return (*T)(field.UnsafePointer()), nil
}

// check returns an error for each invalid setting.
func (s *settings) check(client int, breaker bool) (errs []error) {
	reject := func(field string, value any, reason string) {
		errs = append(errs, &ProfileError{Client: client, Field: field, Value: value, Reason: reason})
	}
	p := s.profile
	if p == nil {
		return nil
	}
	if n := p.NetworkFailureMaxRetries; n > 0 {
		reject("NetworkFailureMaxRetries", n, "it multiplies the retries of tcretry: set 0")
	}
	if n := p.RateLimitExceededMaxRetries; n > 0 {
		reject("RateLimitExceededMaxRetries", n, "it multiplies the retries of tcretry: set 0")
	}
	if p.UnsafeRetryOnConnectionFailure {
		reject("UnsafeRetryOnConnectionFailure", true, "it marks every request as idempotent, and those that are not may be executed twice: set false")
	}
	if !p.DisableRegionBreaker && !breaker {
		reject("DisableRegionBreaker", false, "the region breaker counts calls, not attempts, and switches later over tcretry: set true, or use UseWithRegionBreaker")
	}
	return errs
}

// base returns the underlying RoundTripper of the client; nil means the router's own.
func (s *settings) base() (http.RoundTripper, error) {
	switch used := s.http.Transport.(type) {
	case *clientTransport:
		return used.base, nil
	case *Transport:
		// It was http.DefaultTransport, or is in common.DefaultHttpClient: the SDK could
		// not apply the proxy.
		return s.proxied(used.router)
	default:
		return used, nil
	}
}

// proxied returns a RoundTripper with the proxy of the profile, nil if there is none.
func (s *settings) proxied(r *router) (http.RoundTripper, error) {
	if s.profile == nil || s.profile.HttpProfile == nil || s.profile.HttpProfile.Proxy == "" {
		return nil, nil
	}
	proxy, err := url.Parse(s.profile.HttpProfile.Proxy)
	if err != nil {
		return nil, errors.New("it is not a URL") // the error of url.Parse contains the password
	}
	if base := r.withProxy(proxy); base != nil {
		return base, nil
	}
	return nil, errors.New("http.DefaultTransport was not an *http.Transport when the tcsdk.Transport was made, so the proxy cannot be set in a copy of it: set it there, and leave the field empty")
}

// typeName returns the type of a client, because its index alone may not identify it.
func typeName(c Client) string { return fmt.Sprintf("%T", c) }

var _ Client = (*common.Client)(nil)
