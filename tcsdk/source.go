package tcsdk

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	sdkerrors "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/errors"

	"github.com/tcretry/tcretry/tc3"
)

// readInterval is how often the credentials of the SDK are read, in the background of the
// calls; those that were read last are used for twice that time. The SDK's credentials do
// not report when they expire, and renew themselves when they are read: those of a CVM
// role 5 minutes before their end.
const readInterval = time.Minute

// Source returns a source of credentials for a tc3.Transport from a provider of
// the SDK: common.DefaultEnvProvider, DefaultProfileProvider, DefaultCvmRoleProvider,
// NewRoleArnProvider, DefaultTkeOIDCRoleArnProvider, a chain of them, or one of your
// own.
//
//	base := &tc3.Transport{Source: tcsdk.Source(common.DefaultCvmRoleProvider())}
//
// Credentials are obtained at the first attempt and renewed before they expire, as in the
// SDK's own clients, but in the background: no call waits while the current credentials
// are valid, and at most one refresh runs at a time. When the API rejects the credentials,
// the provider is called for new ones, which the SDK never does. Credentials of an
// environment or a profile are kept until then.
//
// If the provider finds no credentials, the error is tc3.ErrNoCredentials, so that a
// tc3.Chain continues with its next source. A canceled call does not wait for the
// provider, though the SDK offers no way to end it. Errors contain the code and the
// request id of the SDK's error, and its message unless that can quote a response, which
// contains the keys. The source is safe for concurrent use by many goroutines.
func Source(p common.Provider) tc3.Source {
	return newSource(&provided{provider: p})
}

// CredentialSource is [Source] for existing credentials of the SDK, those of
// client.GetCredential for example. They are renewed if they are of a kind that renews
// itself. When the API rejects them, there is no provider for new ones.
func CredentialSource(c common.CredentialIface) tc3.Source {
	return newSource(&provided{current: c})
}

// source caches the credentials of the SDK, and obtains new ones when they are rejected.
type source struct {
	tc3.Refreshing
	from *provided
}

func newSource(p *provided) tc3.Source {
	s := &source{from: p}
	s.Source = tc3.SourceFunc(p.credentials)
	return s
}

// Refresh implements tc3.Refresher.
func (s *source) Refresh(ctx context.Context, rejected tc3.Credentials) (tc3.Credentials, error) {
	s.from.forget(rejected)
	return s.Refreshing.Refresh(ctx, rejected)
}

// provided holds the SDK's credentials.
type provided struct {
	provider common.Provider // nil if there is none

	mu       sync.Mutex
	current  common.CredentialIface // guarded by mu; nil before the first use
	rejected string                 // guarded by mu; the id of credentials that the API rejected
	running  *reading               // guarded by mu; nil while none runs
}

// reading is one read of the SDK's credentials. Its result is set before done is closed.
// The result is a function so that fmt, which follows pointers, does not print the keys.
type reading struct {
	done   chan struct{}
	result func() (tc3.Credentials, error)
}

// forget drops credentials that the API rejected.
func (p *provided) forget(rejected tc3.Credentials) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rejected = rejected.SecretID
}

// credentials reads the SDK's credentials in a goroutine, because the SDK can be
// slow and has no context. All callers wait for the same read.
func (p *provided) credentials(ctx context.Context) (tc3.Credentials, error) {
	p.mu.Lock()
	r := p.running
	if r == nil {
		r = &reading{done: make(chan struct{})}
		p.running = r
		go p.read(r)
	}
	p.mu.Unlock()
	select {
	case <-r.done:
		return r.result()
	case <-ctx.Done():
		return tc3.Credentials{}, fmt.Errorf("tcretry: tc3: the SDK's provider returned no credentials in time: %w", ctx.Err())
	}
}

// read sets the result of a reading, even if the provider panics.
func (p *provided) read(r *reading) {
	var creds tc3.Credentials
	err := errors.New("tcretry: tc3: the SDK's provider returned no credentials")
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("tcretry: tc3: the SDK's provider panicked with a %T", v) // its value may hold a key
		}
		r.result = func() (tc3.Credentials, error) { return creds, err }
		p.mu.Lock()
		p.running = nil
		p.mu.Unlock()
		close(r.done)
	}()
	creds, err = p.get()
}

// get returns the current credentials of the SDK.
func (p *provided) get() (tc3.Credentials, error) {
	p.mu.Lock()
	c, rejected := p.current, p.rejected
	p.mu.Unlock()
	var creds tc3.Credentials
	if c != nil {
		creds = values(c)
	}
	if p.provider != nil && (c == nil || rejected != "" && creds.SecretID == rejected) {
		var err error
		if c, err = p.provider.GetCredential(); err != nil {
			return tc3.Credentials{}, withoutKeys(err)
		}
		creds = values(c)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.current, p.rejected = c, ""
	return creds, nil
}

// values reads the three parts of credentials in one call, so that they belong together.
// Credentials that do not change have no expiry.
func values(c common.CredentialIface) tc3.Credentials {
	id, key, token := c.GetCredential()
	creds := tc3.Credentials{SecretID: id, SecretKey: key, Token: token}
	if _, fixed := c.(*common.Credential); !fixed {
		creds.Expires = time.Now().Add(2 * readInterval)
	}
	return creds
}

// nothingFound are the messages of the SDK's providers for no credentials, as in
// provider.go and provider_chain.go of its common module.
var nothingFound = map[string]bool{
	"could not find environmental variable":                              true,
	"could not find config file":                                         true,
	"get cvm role name failed, Please confirm whether the role is bound": true,
	"no credential found in every providers":                             true,
}

// quoting are the codes of the SDK's errors whose message quotes a response.
var quoting = map[string]bool{
	"ClientError.ParseJsonError":      true,
	"ClientError.HttpStatusCodeError": true,
}

// withoutKeys returns the error of a provider without the parts that can contain a key.
func withoutKeys(err error) error {
	var sdk *sdkerrors.TencentCloudSDKError
	switch {
	case !errors.As(err, &sdk):
		return fmt.Errorf("tcretry: tc3: the SDK's provider: %w", err)
	case nothingFound[sdk.Message]:
		return fmt.Errorf("%w: the SDK's provider: %s", tc3.ErrNoCredentials, sdk.Message)
	case quoting[sdk.Code]:
		return fmt.Errorf("tcretry: tc3: the SDK's provider: %s: the response is not what was expected", sdk.Code)
	}
	text := sdk.Code + ": " + sdk.Message
	if sdk.RequestId != "" {
		text += " (request id " + sdk.RequestId + ")"
	}
	return errors.New("tcretry: tc3: the SDK's provider: " + text)
}
