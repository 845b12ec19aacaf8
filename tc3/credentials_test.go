package tc3_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/tc3"
)

var secret = tc3.Credentials{
	SecretID: "AKIDEXAMPLE", SecretKey: "KEYKEYKEY", Token: "TOKTOKTOK", Expires: time.Unix(1795460985, 0),
}

func TestSecretsNeverAppearInWhatIsPrinted(t *testing.T) {
	type wrapper struct {
		Creds tc3.Credentials
		More  []tc3.Credentials
		Ptr   *tc3.Credentials
	}
	refreshing := &tc3.Refreshing{Source: tc3.Static(secret)}
	_, err := refreshing.Credentials(context.Background())
	require.NoError(t, err)
	rt := &tc3.Transport{Source: tc3.Chain{refreshing, tc3.Static(secret)}}
	values := map[string]any{
		"value": secret, "pointer": &secret, "exported fields": wrapper{secret, []tc3.Credentials{secret}, &secret},
		"map": map[string]tc3.Credentials{"a": secret}, "static": tc3.Static(secret),
		"refreshing": refreshing, "transport": rt, "client": http.Client{Transport: rt},
	}
	for name, value := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%t", "%e", "%T"} {
			requireSafe(t, name+" "+verb, fmt.Sprintf(verb, value))
		}
		requireSafe(t, name, fmt.Sprint(value))
		for _, handler := range []func(*bytes.Buffer) slog.Handler{
			func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
			func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
		} {
			var b bytes.Buffer
			slog.New(handler(&b)).Info("m", "value", value)
			requireSafe(t, name+" slog", b.String())
		}
		data, _ := json.Marshal(value) // some cannot be marshalled at all
		requireSafe(t, name+" json", string(data))
	}
	requireSafe(t, "String", secret.String())
	requireSafe(t, "GoString", secret.GoString())
}

func requireSafe(t *testing.T, name, text string) {
	t.Helper()
	for _, bad := range []string{
		secret.SecretKey, secret.Token,
		fmt.Sprintf("%x", secret.SecretKey), fmt.Sprintf("%X", secret.SecretKey), fmt.Sprintf("%d", []byte(secret.SecretKey)),
		fmt.Sprintf("%x", secret.Token), fmt.Sprintf("%X", secret.Token),
	} {
		require.NotContains(t, text, bad, name)
	}
}

func TestPrintedCredentialsShowTheIDAndWhetherThereAreSecrets(t *testing.T) {
	require.Equal(t, `tc3.Credentials{SecretID:"AKIDEXAMPLE", SecretKey:"REDACTED", Token:"REDACTED", Expires:"2026-11-23T19:09:45Z"}`,
		fmt.Sprint(secret))
	require.Equal(t, `tc3.Credentials{SecretID:"AKIDEXAMPLE", SecretKey:"", Token:"", Expires:""}`,
		fmt.Sprint(tc3.Credentials{SecretID: "AKIDEXAMPLE"}))
}

func TestLoggedCredentialsAreAGroup(t *testing.T) {
	var b bytes.Buffer
	slog.New(slog.NewTextHandler(&b, nil)).Info("m", "creds", secret)
	require.Contains(t, b.String(), "creds.SecretID=AKIDEXAMPLE creds.SecretKey=REDACTED creds.Token=REDACTED creds.Expires=2026-11-23T19:09:45Z")
}

func TestCredentialsAreReadFromJSONButNotWrittenToIt(t *testing.T) {
	var c tc3.Credentials
	require.NoError(t, json.Unmarshal([]byte(`{"SecretID":"a","SecretKey":"b","Token":"c"}`), &c))
	require.Equal(t, tc3.Credentials{SecretID: "a", SecretKey: "b", Token: "c"}, c)
	data, err := json.Marshal(c)
	require.NoError(t, err)
	require.JSONEq(t, `{"SecretID":"a","SecretKey":"REDACTED","Token":"REDACTED","Expires":""}`, string(data))
}

// Every error that this package makes while it handles a secret.
func TestNoErrorHoldsASecret(t *testing.T) {
	dir := t.TempDir()
	file := func(text string) tc3.Source {
		path := filepath.Join(dir, strconv.Itoa(len(text)))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return tc3.Profile{Path: path}
	}
	t.Setenv("TENCENTCLOUD_SECRET_ID", "")
	t.Setenv("TENCENTCLOUD_SECRET_KEY", secret.SecretKey)
	sources := map[string]tc3.Source{
		"the key without its id":    tc3.Env(),
		"a chain":                   tc3.Chain{tc3.Env()},
		"incomplete":                tc3.Static(tc3.Credentials{SecretKey: secret.SecretKey, Token: secret.Token}),
		"a profile without an id":   file("[default]\nsecret_key = " + secret.SecretKey + "\ntoken = " + secret.Token),
		"a profile that is no file": file("[" + secret.SecretKey + "\n"),
		"a line that is too long":   file("[default]\nsecret_key = " + secret.SecretKey + strings.Repeat("x", 1<<17)),
		"a panic": &tc3.Refreshing{Source: tc3.SourceFunc(func(context.Context) (tc3.Credentials, error) {
			panic(fmt.Sprintf("%s %s", secret.SecretKey, secret.Token))
		})},
	}
	for name, source := range sources {
		_, err := (&tc3.Transport{Source: source, Base: unreached(t)}).RoundTrip(newRequest(t, strings.NewReader("{}")))
		require.Error(t, err, name)
		requireSafe(t, name, fmt.Sprintf("%v %+v %#v", err, err, err))
	}
	requests := map[string]func(*http.Request){
		"a request that cannot be signed": func(r *http.Request) { r.Header.Del("X-TC-Action") },
		"a body that cannot be read":      func(r *http.Request) { r.GetBody, r.Body = nil, io.NopCloser(&brokenReader{}) },
		"an attempt that failed":          func(*http.Request) {},
	}
	for name, change := range requests {
		req := newRequest(t, strings.NewReader("{}"))
		change(req)
		rt := &tc3.Transport{Source: tc3.Static(secret), Base: baseFunc(func(*http.Request) (*http.Response, error) { return nil, errBroken })}
		_, err := (&http.Client{Transport: rt}).Do(req)
		require.Error(t, err, name)
		requireSafe(t, name, fmt.Sprintf("%v %+v %#v", err, err, err))
	}
}
