package tc3

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	algorithm = "TC3-HMAC-SHA256"
	scopeEnd  = "tc3_request"
)

// UnsignedPayload is the value of the header X-TC-Content-SHA256 that leaves
// the body of a request out of its signature.
const UnsignedPayload = "UNSIGNED-PAYLOAD"

// A SignInput is the part of a request that a signature covers. The path is no part of
// it: the API signs "/" for every request.
type SignInput struct {
	// Method is GET or POST.
	Method string
	// Query is the query as it is sent, percent-encoded and without the "?". It is
	// ignored for POST, for which the API signs an empty query.
	Query string
	// Headers are the signed headers by name. No two names may differ in case only.
	// The API requires at least Content-Type and Host.
	Headers map[string]string
	// PayloadHash is the lower-case hex SHA-256 of the body, or that of
	// UnsignedPayload. HashPayload computes it.
	PayloadHash string
	// Service is the product, such as "cvm".
	Service string
	// Timestamp is the value of X-TC-Timestamp, in Unix seconds.
	Timestamp int64
}

// A Signature is the result of [Sign]. Its intermediate steps are for comparison after
// the API has responded AuthFailure.SignatureFailure; none of them contains the key.
type Signature struct {
	// SignedHeaders are the names of the signed headers, joined by ";".
	SignedHeaders string
	// CanonicalRequest is the first step: the input as text.
	CanonicalRequest string
	// Scope is the date in UTC, the service and "tc3_request", joined by "/".
	Scope string
	// StringToSign is the second step.
	StringToSign string
	// Value is the signature itself, in lower-case hex.
	Value string
	// Authorization is the header with all of these.
	Authorization string
}

// Sign returns the signature of the input with TC3-HMAC-SHA256. The same input and
// credentials have the same signature. The signature does not cover the Token of the
// credentials, which is sent in X-TC-Token.
func Sign(c Credentials, in SignInput) Signature {
	lines, names := canonicalHeaders(in.Headers)
	query := in.Query
	if in.Method == "POST" {
		query = ""
	}
	s := Signature{SignedHeaders: names}
	s.CanonicalRequest = strings.Join([]string{in.Method, "/", query, lines, names, in.PayloadHash}, "\n")

	// The local date would be wrong from 00:00 to 08:00 in China.
	date := time.Unix(in.Timestamp, 0).UTC().Format(time.DateOnly)
	s.Scope = date + "/" + in.Service + "/" + scopeEnd
	s.StringToSign = strings.Join([]string{
		algorithm, strconv.FormatInt(in.Timestamp, 10), s.Scope, HashPayload([]byte(s.CanonicalRequest)),
	}, "\n")

	s.Value = hex.EncodeToString(hmacSHA256(deriveKeys(c.SecretKey, date, in.Service).signing, s.StringToSign))
	s.Authorization = algorithm + " Credential=" + c.SecretID + "/" + s.Scope +
		", SignedHeaders=" + names + ", Signature=" + s.Value
	return s
}

// HashPayload returns the lower-case hex SHA-256 of a body.
func HashPayload(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// canonicalHeaders returns the headers as sorted lines, with names and values trimmed and
// in lower case, and the names joined by ";".
func canonicalHeaders(headers map[string]string) (lines, names string) {
	lower := make(map[string]string, len(headers))
	for name, value := range headers {
		lower[strings.ToLower(strings.TrimSpace(name))] = strings.ToLower(strings.TrimSpace(value))
	}
	sorted := slices.Sorted(maps.Keys(lower))
	var b strings.Builder
	for _, name := range sorted {
		b.WriteString(name + ":" + lower[name] + "\n")
	}
	return b.String(), strings.Join(sorted, ";")
}

// keys are the three keys that are derived from a secret key for a day and a service.
type keys struct{ date, service, signing []byte }

func deriveKeys(secretKey, date, service string) keys {
	var k keys
	k.date = hmacSHA256([]byte("TC3"+secretKey), date)
	k.service = hmacSHA256(k.date, service)
	k.signing = hmacSHA256(k.service, scopeEnd)
	return k
}

func hmacSHA256(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text)) // a hash never returns an error
	return h.Sum(nil)
}
