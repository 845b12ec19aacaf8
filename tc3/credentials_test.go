package tc3_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
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

func TestPrintedCredentialsSayWhichAndWhetherThereAreSecrets(t *testing.T) {
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
