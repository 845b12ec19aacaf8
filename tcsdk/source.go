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

// The SDK's credentials do not report when they expire, and replace themselves when
// they are read: those of a CVM role 5 minutes before. So they are read again each
// minute, beside the calls, and the last ones read are used for two.
const readAgain = time.Minute

// Source returns a source of credentials for a tc3.Transport from a provider of
// the SDK: common.DefaultEnvProvider, DefaultProfileProvider, DefaultCvmRoleProvider,
// NewRoleArnProvider, DefaultTkeOIDCRoleArnProvider, a chain of them, or one of your
// own.
//
//	base := &tc3.Transport{Source: tcsdk.Source(common.DefaultCvmRoleProvider())}
//
// Credentials are obtained at the first attempt and replace themselves before they
// expire, as in the SDK's own clients, but beside the calls: none waits while the
// current ones last, and at most one refresh is running. When the API refuses them, the
// provider is called for others, which the SDK never does. Credentials of an
// environment or a profile are kept until then.
//
// A provider that finds nothing returns tc3.ErrNoCredentials, so that a tc3.Chain
// continues with its next source. A call that is canceled does not wait for the
// provider, though the SDK offers no way to end it. Errors hold the code and the
// request id of the SDK's error, and its message unless that can quote a response, which
// holds the keys. The source is safe for use from many goroutines.
func Source(p common.Provider) tc3.Source {
	return newSource(&provided{provider: p})
}

// CredentialSource is [Source] for credentials of the SDK that exist already, those of
// client.GetCredential for example. They replace themselves if they are of a kind that
// does; nothing else can be obtained when the API refuses them.
func CredentialSource(c common.CredentialIface) tc3.Source {
	return newSource(&provided{current: c})
}

// source keeps what the SDK gives, and gets new credentials when those are refused.
type source struct {
	tc3.Refreshing
	from *provided
}

func newSource(p *provided) tc3.Source {
	s := &source{from: p}
	s.Source = tc3.SourceFunc(p.credentials)
	return s
}

// Refresh is the method of a tc3.Refresher.
func (s *source) Refresh(ctx context.Context, refused tc3.Credentials) (tc3.Credentials, error) {
	s.from.forget(refused)
	return s.Refreshing.Refresh(ctx, refused)
}

// provided holds the SDK's credentials.
type provided struct {
	provider common.Provider // nil if there is none

	mu      sync.Mutex
	current common.CredentialIface // guarded by mu; nil before the first use
	refused string                 // guarded by mu; the id of credentials that the API refused
	running *reading               // guarded by mu; nil while none runs
}

// reading is one trip to the SDK. Its result is set before done is closed. It is a
// function so that fmt, which follows pointers, does not find the keys.
type reading struct {
	done   chan struct{}
	result func() (tc3.Credentials, error)
}

// forget drops credentials that the API refused.
func (p *provided) forget(refused tc3.Credentials) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refused = refused.SecretID
}

// credentials reads the SDK's credentials in a goroutine, because the SDK can be
// slow and takes no context. One that does not end is joined, not repeated.
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
		return tc3.Credentials{}, fmt.Errorf("tcretry: tc3: the SDK's provider gave no credentials in time: %w", ctx.Err())
	}
}

// read sets the result of a reading, whatever becomes of the provider.
func (p *provided) read(r *reading) {
	var creds tc3.Credentials
	err := errors.New("tcretry: tc3: the SDK's provider gave no credentials")
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

// get returns what the SDK's credentials are now.
func (p *provided) get() (tc3.Credentials, error) {
	p.mu.Lock()
	c, refused := p.current, p.refused
	p.mu.Unlock()
	var creds tc3.Credentials
	if c != nil {
		creds = values(c)
	}
	if p.provider != nil && (c == nil || refused != "" && creds.SecretID == refused) {
		var err error
		if c, err = p.provider.GetCredential(); err != nil {
			return tc3.Credentials{}, withoutKeys(err)
		}
		creds = values(c)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.current, p.refused = c, ""
	return creds, nil
}

// values reads credentials at once, so that no part is of others. Those that do not
// change have no end.
func values(c common.CredentialIface) tc3.Credentials {
	id, key, token := c.GetCredential()
	creds := tc3.Credentials{SecretID: id, SecretKey: key, Token: token}
	if _, fixed := c.(*common.Credential); !fixed {
		creds.Expires = time.Now().Add(2 * readAgain)
	}
	return creds
}

// nothingFound are the messages by which the SDK's providers report that they have no
// credentials, as its chain knows them: provider.go and provider_chain.go of its
// common module.
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

// withoutKeys is an error of a provider as far as it can hold no key.
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
