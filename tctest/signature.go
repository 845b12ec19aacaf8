package tctest

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // HmacSHA1 is the API's default of v1
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// signatureWindow is how old a signature may be, or how far in the future. Source: the
// documentation "Signature v3", cloud.tencent.com/document/product/213/30654.
const signatureWindow = 5 * time.Minute

// CheckSignatures makes the API verify the signature of every attempt,
// TC3-HMAC-SHA256 or v1 (HmacSHA1, HmacSHA256). The keys are secret keys by secret id.
// A wrong signature gets AuthFailure.SignatureFailure, one whose timestamp is more than
// five minutes from the API's clock AuthFailure.SignatureExpire, an unknown id
// AuthFailure.SecretIdNotFound. "Authorization: SKIP" is accepted. By default no
// signature is verified.
func (api *API) CheckSignatures(keys map[string]string) {
	api.mu.Lock()
	defer api.mu.Unlock()
	api.secretKeys = map[string]string{}
	for id, key := range keys {
		api.secretKeys[id] = key
	}
}

// authorization is the Authorization header of TC3.
type authorization struct {
	secretID, date, service string
	signedHeaders           string
	signature               string
}

const tc3Algorithm = "TC3-HMAC-SHA256"

// parseAuthorization parses "TC3-HMAC-SHA256 Credential=…, SignedHeaders=…,
// Signature=…"; fields that are missing stay empty.
func parseAuthorization(value string) authorization {
	var a authorization
	rest, ok := strings.CutPrefix(value, tc3Algorithm+" ")
	if !ok {
		return a
	}
	for field := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		switch name {
		case "Credential":
			if scope := strings.Split(value, "/"); len(scope) == 4 {
				a.secretID, a.date, a.service = scope[0], scope[1], scope[2]
			}
		case "SignedHeaders":
			a.signedHeaders = value
		case "Signature":
			a.signature = value
		}
	}
	return a
}

// checkSignature returns the reply to a request whose signature is not valid, and
// whether that is so.
func checkSignature(req *http.Request, c Attempt, keys map[string]string, now time.Time) (Reply, bool) {
	auth := headerValue(req.Header, "Authorization")
	if auth == "SKIP" {
		return Reply{}, false
	}
	params := parameters(req, c.Body)
	v1 := auth == ""
	timestamp := headerValue(req.Header, "X-TC-Timestamp")
	if v1 {
		timestamp = params["Timestamp"]
		if params["Signature"] == "" {
			return Fail("MissingParameter", "The request is missing a required parameter `Signature`."), true
		}
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return Fail("MissingParameter", "The request is missing a required parameter `Timestamp`."), true
	}
	key, known := keys[c.SecretID]
	if !known {
		return Fail("AuthFailure.SecretIdNotFound", "The SecretId is not found, please ensure that your SecretId is correct."), true
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > signatureWindow || age < -signatureWindow {
		return Fail("AuthFailure.SignatureExpire", fmt.Sprintf("Signature expired. Please use local time and enable NTP service"+
			" for time synchronization to avoid a deviation between `Timestamp` and the server time %d.", now.Unix())), true
	}
	valid := false
	if v1 {
		valid = hmac.Equal([]byte(params["Signature"]), []byte(signV1(c.Method, c.Host, req.URL.Path, params, key)))
	} else {
		valid = verifyTC3(req, c, parseAuthorization(auth), seconds, key)
	}
	if !valid {
		return Fail("AuthFailure.SignatureFailure", "The provided credentials could not be validated."+
			" Please check your signature is correct."), true
	}
	return Reply{}, false
}

// verifyTC3 computes the signature of the request that arrived, and compares.
func verifyTC3(req *http.Request, c Attempt, a authorization, seconds int64, key string) bool {
	date := time.Unix(seconds, 0).UTC().Format(time.DateOnly)
	names := strings.Split(a.signedHeaders, ";")
	if a.date != date || !slices.Contains(names, "content-type") || !slices.Contains(names, "host") {
		return false
	}
	payload := c.Body
	if headerValue(req.Header, "X-TC-Content-SHA256") == "UNSIGNED-PAYLOAD" {
		payload = []byte("UNSIGNED-PAYLOAD")
	}
	query := ""
	if c.Method == http.MethodGet {
		query = req.URL.RawQuery
	}
	var canonical strings.Builder
	fmt.Fprintf(&canonical, "%s\n/\n%s\n", c.Method, query)
	for _, name := range names {
		value := headerValue(req.Header, name)
		if name == "host" {
			value = c.Host
		}
		fmt.Fprintf(&canonical, "%s:%s\n", name, strings.ToLower(strings.TrimSpace(value)))
	}
	fmt.Fprintf(&canonical, "\n%s\n%s", a.signedHeaders, sha256Hex(payload))

	scope := date + "/" + a.service + "/tc3_request"
	toSign := fmt.Sprintf("%s\n%d\n%s\n%s", tc3Algorithm, seconds, scope, sha256Hex([]byte(canonical.String())))
	derived := []byte("TC3" + key)
	for _, step := range []string{date, a.service, "tc3_request"} {
		derived = mac(sha256.New, derived, step)
	}
	return hmac.Equal([]byte(a.signature), []byte(hex.EncodeToString(mac(sha256.New, derived, toSign))))
}

// signV1 returns the v1 signature of the parameters, in base64.
func signV1(method, host, path string, params map[string]string, key string) string {
	if path == "" {
		path = "/"
	}
	names := make([]string, 0, len(params))
	for name := range params {
		if name != "Signature" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	pairs := make([]string, len(names))
	for i, name := range names {
		pairs[i] = name + "=" + params[name]
	}
	newHash := sha1.New
	if params["SignatureMethod"] == "HmacSHA256" {
		newHash = sha256.New
	}
	return base64.StdEncoding.EncodeToString(mac(newHash, []byte(key), method+host+path+"?"+strings.Join(pairs, "&")))
}

func mac(newHash func() hash.Hash, key []byte, text string) []byte {
	m := hmac.New(newHash, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

func sha256Hex(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
