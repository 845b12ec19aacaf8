package tc3

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// redacted stands for a secret wherever credentials are printed.
const redacted = "REDACTED"

// Credentials are what requests are signed with. SecretKey and Token never
// appear in what fmt, slog and encoding/json make of Credentials. Two things are
// out of a type's reach: an unexported field of another struct, which fmt prints
// without asking its methods (hold a Source from [Static] there), and the verbs
// %p and %w, which are mistakes here that go vet reports.
type Credentials struct {
	// SecretID names the key; it travels in clear in every request.
	SecretID string
	// SecretKey is the key; it never travels.
	SecretKey string
	// Token is the session token of temporary credentials, "" for permanent ones.
	Token string
	// Expires is when temporary credentials end; zero means never, or unknown.
	Expires time.Time
}

// String returns the credentials with the secrets redacted.
func (c Credentials) String() string {
	return fmt.Sprintf("tc3.Credentials{SecretID:%q, SecretKey:%q, Token:%q, Expires:%q}",
		c.SecretID, mask(c.SecretKey), mask(c.Token), c.expires())
}

// GoString returns the same as String.
func (c Credentials) GoString() string { return c.String() }

// Format writes the same as String for every verb, those that would not ask
// String included.
func (c Credentials) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, c.String()) // fmt keeps no error of a State
}

// LogValue returns the credentials as a group with the secrets redacted.
func (c Credentials) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("SecretID", c.SecretID),
		slog.String("SecretKey", mask(c.SecretKey)),
		slog.String("Token", mask(c.Token)),
		slog.String("Expires", c.expires()),
	)
}

// MarshalJSON returns the credentials with the secrets redacted. Decoding is
// left as it is, so credentials can be read from JSON but not written to it.
func (c Credentials) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{
		"SecretID": c.SecretID, "SecretKey": mask(c.SecretKey), "Token": mask(c.Token), "Expires": c.expires(),
	})
}

func (c Credentials) expires() string {
	if c.Expires.IsZero() {
		return ""
	}
	return c.Expires.UTC().Format(time.RFC3339)
}

// same says whether both sign alike: Expires is not a part of that.
func (c Credentials) same(other Credentials) bool {
	return c.SecretID == other.SecretID && c.SecretKey == other.SecretKey && c.Token == other.Token
}

// mask keeps whether there is a secret, which is worth knowing, and nothing else.
func mask(secret string) string {
	if secret == "" {
		return ""
	}
	return redacted
}
