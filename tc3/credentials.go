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

// Credentials are a secret id and its key, to sign requests with. SecretKey and Token
// never appear in what fmt, slog and encoding/json print of Credentials. Two cases are
// beyond the control of a type: an unexported field of another struct, which fmt prints
// without calling its methods (keep a Source from [Static] there instead), and the verbs
// %p and %w, which go vet reports.
type Credentials struct {
	// SecretID identifies the key. Every request contains it in clear text.
	SecretID string
	// SecretKey is the key. No request contains it.
	SecretKey string
	// Token is the session token of temporary credentials, "" for permanent ones.
	Token string
	// Expires is when temporary credentials expire; zero means never or unknown.
	Expires time.Time
}

// String returns the credentials with the secrets redacted.
func (c Credentials) String() string {
	return fmt.Sprintf("tc3.Credentials{SecretID:%q, SecretKey:%q, Token:%q, Expires:%q}",
		c.SecretID, mask(c.SecretKey), mask(c.Token), c.expires())
}

// GoString returns the same as String.
func (c Credentials) GoString() string { return c.String() }

// Format writes the same as String for every verb, those included for which fmt would
// not call String.
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

// MarshalJSON returns the credentials with the secrets redacted. Credentials can be read
// from JSON, but not written to it.
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

// same reports whether both lead to the same signature, whatever their Expires.
func (c Credentials) same(other Credentials) bool {
	return c.SecretID == other.SecretID && c.SecretKey == other.SecretKey && c.Token == other.Token
}

// mask returns a text that shows only whether there is a secret.
func mask(secret string) string {
	if secret == "" {
		return ""
	}
	return redacted
}
