package tc3

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
)

// ErrNoCredentials says that a source has nothing to give, as opposed to
// something that cannot be used. A [Chain] goes on to its next source.
// A Transport of package tcretry above makes no other attempt for it.
var ErrNoCredentials error = lasting{errors.New("tcretry: tc3: no credentials")}

// lasting is an error of what is set up, which no other attempt mends.
type lasting struct{ error }

// Terminal says so to a Transport of package tcretry above.
func (lasting) Terminal() bool { return true }

// A Source gives the credentials for an attempt. It is asked before every
// attempt, from many goroutines at once; one that is slow belongs in a
// [Refreshing]. Its errors reach the caller of the transport, so they must not
// hold a secret.
type Source interface {
	Credentials(ctx context.Context) (Credentials, error)
}

// A Refresher is a Source that keeps credentials and can replace them before
// they expire. The transport calls Refresh when the API refused a token.
type Refresher interface {
	Source
	// Refresh returns credentials other than the refused ones, or the refused
	// ones if there are none.
	Refresh(ctx context.Context, refused Credentials) (Credentials, error)
}

// SourceFunc is a function as a Source.
type SourceFunc func(ctx context.Context) (Credentials, error)

// Credentials calls f.
func (f SourceFunc) Credentials(ctx context.Context) (Credentials, error) { return f(ctx) }

// Static returns a source of always the same credentials. They are kept in a
// closure, so that printing whatever holds the source does not print them.
func Static(c Credentials) Source {
	return SourceFunc(func(context.Context) (Credentials, error) { return c, nil })
}

// The variables that Env reads. The official Go SDK reads the first two and
// knows no token; tccli, the official command line, has TENCENTCLOUD_TOKEN and
// the official Terraform provider TENCENTCLOUD_SECURITY_TOKEN.
const (
	envSecretID      = "TENCENTCLOUD_SECRET_ID"
	envSecretKey     = "TENCENTCLOUD_SECRET_KEY"
	envToken         = "TENCENTCLOUD_TOKEN"
	envSecurityToken = "TENCENTCLOUD_SECURITY_TOKEN"
)

// Env returns a source that reads TENCENTCLOUD_SECRET_ID,
// TENCENTCLOUD_SECRET_KEY and, for temporary credentials, TENCENTCLOUD_TOKEN or
// else TENCENTCLOUD_SECURITY_TOKEN. White space around the values is dropped.
// With neither id nor key it says ErrNoCredentials. With one of them it reports
// the other: the official SDK looks elsewhere then, and may find the key of a
// different account.
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
			return Credentials{}, lasting{fmt.Errorf("tcretry: tc3: %s is set and %s is not", envSecretKey, envSecretID)}
		case c.SecretKey == "":
			return Credentials{}, lasting{fmt.Errorf("tcretry: tc3: %s is set and %s is not", envSecretID, envSecretKey)}
		}
		return c, nil
	})
}

func env(name string) string { return strings.TrimSpace(os.Getenv(name)) }

// Chain asks its sources in order and takes the first answer other than
// ErrNoCredentials. An error that is another one ends the search: a broken
// profile is not passed over for the key of a different account.
type Chain []Source

// DefaultCredentials returns the environment and then the profile file, as the default
// chain of the official SDK has them. (The SDK goes on to the role of the
// virtual machine; a SourceFunc in a Refreshing does that.)
func DefaultCredentials() Chain { return Chain{Env(), Profile{}} }

// Credentials returns those of the first source that has any.
func (c Chain) Credentials(ctx context.Context) (Credentials, error) {
	return c.first(func(s Source) (Credentials, error) { return ask(ctx, s) })
}

// Refresh does the same, and lets a source that can refresh do so.
func (c Chain) Refresh(ctx context.Context, refused Credentials) (Credentials, error) {
	return c.first(func(s Source) (Credentials, error) { return renew(ctx, s, refused) })
}

func (c Chain) first(ask func(Source) (Credentials, error)) (Credentials, error) {
	var where []string
	for _, s := range c {
		creds, err := ask(s)
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

// ask returns the credentials of a source, complete or not at all.
func ask(ctx context.Context, s Source) (Credentials, error) {
	if s == nil {
		s = DefaultCredentials()
	}
	c, err := s.Credentials(ctx)
	return complete(c, err)
}

// renew asks a source for credentials in the place of refused ones. A source
// that keeps nothing is just asked again: a file may have been replaced.
func renew(ctx context.Context, s Source, refused Credentials) (Credentials, error) {
	if r, ok := s.(Refresher); ok {
		return complete(r.Refresh(ctx, refused))
	}
	return ask(ctx, s)
}

func complete(c Credentials, err error) (Credentials, error) {
	if err == nil && (c.SecretID == "" || c.SecretKey == "") {
		err = lasting{errors.New("tcretry: tc3: the source gave no SecretID or no SecretKey")}
	}
	return c, err
}
