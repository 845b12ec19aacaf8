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
	// Value is what it is set to. That of HttpProfile.Proxy, which may hold a
	// password, is left out.
	Value any
	// Reason says what is wrong with it and what to set.
	Reason string
}

// Error returns the text of e.
func (e *ProfileError) Error() string {
	return fmt.Sprintf("tcretry: tcsdk: client %d: %s(%v): %s", e.Client+1, e.Field, e.Value, e.Reason)
}

// found is what a client of the SDK is set to.
type found struct {
	http    *http.Client
	profile *profile.ClientProfile // nil if the client has none
}

// find reads the settings of a client. They are not exported, and there is no other
// way to what the client uses now: to copy the SDK's way of making a transport would
// lose what WithHttpTransport or DefaultHttpClient set. A field that the SDK
// renames is an error, found by the tests with each of its versions.
func find(c Client) (f *found, err error) {
	defer func() {
		if recover() != nil { // a nil client, or one that was not initialized
			err = errors.New("it is nil or was not made by a New function of the SDK")
		}
	}()
	inner := reflect.ValueOf(c.WithCredential(c.GetCredential())).Elem()
	f = new(found)
	if f.http, err = pointer[http.Client](inner, "httpClient"); err != nil {
		return nil, err
	}
	if f.profile, err = pointer[profile.ClientProfile](inner, "profile"); err != nil {
		return nil, err
	}
	if f.http == nil {
		return nil, errors.New("it was not made by a New function of the SDK: call Init")
	}
	return f, nil
}

// pointer returns the value of a field of type *T.
func pointer[T any](of reflect.Value, name string) (*T, error) {
	field := of.FieldByName(name)
	if !field.IsValid() || field.Type() != reflect.TypeFor[*T]() {
		return nil, fmt.Errorf("%s of this version of the SDK has no field %s of type %v: tcsdk needs to be updated", of.Type(), name, reflect.TypeFor[*T]())
	}
	return (*T)(field.UnsafePointer()), nil
}

// check returns an error for each setting that must be another.
func (f *found) check(client int, breaker bool) (errs []error) {
	refuse := func(field string, value any, reason string) {
		errs = append(errs, &ProfileError{Client: client, Field: field, Value: value, Reason: reason})
	}
	p := f.profile
	if p == nil {
		return nil
	}
	if n := p.NetworkFailureMaxRetries; n > 0 {
		refuse("NetworkFailureMaxRetries", n, "it multiplies the retries of tcretry: set 0")
	}
	if n := p.RateLimitExceededMaxRetries; n > 0 {
		refuse("RateLimitExceededMaxRetries", n, "it multiplies the retries of tcretry: set 0")
	}
	if p.UnsafeRetryOnConnectionFailure {
		refuse("UnsafeRetryOnConnectionFailure", true, "it marks every request as idempotent, and those that are not may be executed twice: set false")
	}
	if !p.DisableRegionBreaker && !breaker {
		refuse("DisableRegionBreaker", false, "the region breaker counts calls, not attempts, and switches later over tcretry: set true, or use UseWithRegionBreaker")
	}
	return errs
}

// base returns the underlying RoundTripper of the client; nil means the router's own.
func (f *found) base() (http.RoundTripper, error) {
	switch used := f.http.Transport.(type) {
	case *bound:
		return used.base, nil
	case *Transport:
		// It was http.DefaultTransport, or is in common.DefaultHttpClient: the SDK found
		// no place for the proxy.
		return f.proxied(used.router)
	default:
		return used, nil
	}
}

// proxied returns a RoundTripper with the proxy of the profile, nil if there is none.
func (f *found) proxied(r *router) (http.RoundTripper, error) {
	if f.profile == nil || f.profile.HttpProfile == nil || f.profile.HttpProfile.Proxy == "" {
		return nil, nil
	}
	proxy, err := url.Parse(f.profile.HttpProfile.Proxy)
	if err != nil {
		return nil, errors.New("it is no URL") // the error of url.Parse holds the password
	}
	if base := r.withProxy(proxy); base != nil {
		return base, nil
	}
	return nil, errors.New("http.DefaultTransport was no *http.Transport when the tcsdk.Transport was made, so the proxy cannot be set in a copy of it: set it there, and leave the field empty")
}

// typeName is the type of a client, which its index in a list of clients may not tell.
func typeName(c Client) string { return fmt.Sprintf("%T", c) }

var _ Client = (*common.Client)(nil)
