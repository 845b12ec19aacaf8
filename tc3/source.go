package tc3

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
)

// ErrNoCredentials reports that a source has no credentials, as opposed to credentials
// that cannot be used. A [Chain] continues with its next source. A Transport of package
// tcretry does not retry after it.
var ErrNoCredentials error = terminalError{errors.New("tcretry: tc3: no credentials")}

// terminalError is an error of the configuration, which a retry does not correct.
type terminalError struct{ error }

// Terminal makes a Transport of package tcretry not retry.
func (terminalError) Terminal() bool { return true }

// A Source returns the credentials for an attempt. It is called before every attempt and
// from many goroutines; put a slow one into a [Refreshing]. The caller of the transport
// gets its errors, so they must not contain a secret.
type Source interface {
	Credentials(ctx context.Context) (Credentials, error)
}

// A Refresher is a Source that caches credentials and can replace them before they
// expire. A Transport calls Refresh when the API has rejected the token.
type Refresher interface {
	Source
	// Refresh returns credentials other than the rejected ones, or the rejected
	// ones if there are no others.
	Refresh(ctx context.Context, rejected Credentials) (Credentials, error)
}

// SourceFunc is a function as a Source.
type SourceFunc func(ctx context.Context) (Credentials, error)

// Credentials calls f.
func (f SourceFunc) Credentials(ctx context.Context) (Credentials, error) { return f(ctx) }

// Static returns a source that always returns the same credentials. They are kept in a
// closure, so that printing a value that contains the source does not print them.
func Static(c Credentials) Source {
	return SourceFunc(func(context.Context) (Credentials, error) { return c, nil })
}

// The variables that Env reads. The official Go SDK reads the first two and no token;
// tccli, the official command line, reads TENCENTCLOUD_TOKEN and the official Terraform
// provider TENCENTCLOUD_SECURITY_TOKEN.
const (
	envSecretID      = "TENCENTCLOUD_SECRET_ID"
	envSecretKey     = "TENCENTCLOUD_SECRET_KEY"
	envToken         = "TENCENTCLOUD_TOKEN"
	envSecurityToken = "TENCENTCLOUD_SECURITY_TOKEN"
)

// Env returns a source that reads TENCENTCLOUD_SECRET_ID,
// TENCENTCLOUD_SECRET_KEY and, for temporary credentials, TENCENTCLOUD_TOKEN or
// else TENCENTCLOUD_SECURITY_TOKEN. White space around the values is removed. Without id
// and key it returns ErrNoCredentials. With only one of them it returns an error that
// names the other: the official SDK continues with the next source then, and may find
// the key of another account.
func Env() Source {
	return SourceFunc(func(context.Context) (Credentials, error) {
		c := Credentials{SecretID: env(envSecretID), SecretKey: env(envSecretKey), Token: env(envToken)}
		if c.Token == "" {
			c.Token = env(envSecurityToken)
		}
		switch {
		case c.SecretID == "" && c.SecretKey == "":
			return Credentials{}, fmt.Errorf("%w in the environment", ErrNoCredentials)
		case c.SecretID == "":
			return Credentials{}, terminalError{fmt.Errorf("tcretry: tc3: %s is set and %s is not", envSecretKey, envSecretID)}
		case c.SecretKey == "":
			return Credentials{}, terminalError{fmt.Errorf("tcretry: tc3: %s is set and %s is not", envSecretID, envSecretKey)}
		}
		return c, nil
	})
}

func env(name string) string { return strings.TrimSpace(os.Getenv(name)) }

// A Chain is a Source that calls its sources in order and returns the first result other
// than ErrNoCredentials. Any other error ends the search: the key of another account must
// not stand in for a profile that is not valid.
type Chain []Source

// DefaultCredentials returns [Env] followed by [Profile], as in the default chain of the
// official SDK. (The SDK continues with the role of the virtual machine; use a SourceFunc
// in a Refreshing for that.)
func DefaultCredentials() Chain { return Chain{Env(), Profile{}} }

// Credentials returns those of the first source that has credentials.
func (c Chain) Credentials(ctx context.Context) (Credentials, error) {
	return c.first(func(s Source) (Credentials, error) { return credentialsOf(ctx, s) })
}

// Refresh returns refreshed credentials of the first source that has credentials. A
// source that is no Refresher is called again.
func (c Chain) Refresh(ctx context.Context, rejected Credentials) (Credentials, error) {
	return c.first(func(s Source) (Credentials, error) { return refreshedCredentials(ctx, s, rejected) })
}

func (c Chain) first(call func(Source) (Credentials, error)) (Credentials, error) {
	var where []string
	for _, s := range c {
		creds, err := call(s)
		if !errors.Is(err, ErrNoCredentials) {
			return creds, err
		}
		if text := strings.TrimPrefix(err.Error(), ErrNoCredentials.Error()); text != "" {
			where = append(where, strings.TrimSpace(text))
		}
	}
	err := fmt.Errorf("%w in any of %d sources", ErrNoCredentials, len(c))
	if len(where) > 0 {
		err = fmt.Errorf("%w: %s", err, strings.Join(where, "; "))
	}
	return Credentials{}, err
}

// credentialsOf returns the credentials of a source, or an error if one of them is
// missing. A nil source is DefaultCredentials.
func credentialsOf(ctx context.Context, s Source) (Credentials, error) {
	if s == nil {
		s = DefaultCredentials()
	}
	c, err := s.Credentials(ctx)
	return complete(c, err)
}

// refreshedCredentials returns credentials of a source after the API has rejected others.
// A source that caches nothing is just called again: a file may have been replaced.
func refreshedCredentials(ctx context.Context, s Source, rejected Credentials) (Credentials, error) {
	if r, ok := s.(Refresher); ok {
		return complete(r.Refresh(ctx, rejected))
	}
	return credentialsOf(ctx, s)
}

func complete(c Credentials, err error) (Credentials, error) {
	if err == nil && (c.SecretID == "" || c.SecretKey == "") {
		err = terminalError{errors.New("tcretry: tc3: the source returned no SecretID or no SecretKey")}
	}
	return c, err
}
