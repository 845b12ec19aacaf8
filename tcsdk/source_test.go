package tcsdk_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	sdkerrors "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/errors"

	"github.com/tcretry/tcretry/tc3"
	"github.com/tcretry/tcretry/tcsdk"
	"github.com/tcretry/tcretry/tctest"
)

// account is a fake of the metadata server and of STS. Each set of keys has a number.
type account struct {
	*tctest.API
	issued atomic.Int32
	life   time.Duration
}

func newAccount(life time.Duration) *account {
	a := &account{API: tctest.NewAPI(), life: life}
	a.Default(tctest.Func(func(call tctest.Attempt) tctest.Reply {
		if !strings.HasPrefix(call.Action, "AssumeRole") {
			return tctest.OK(nil)
		}
		id, key, token, end := a.issue()
		return tctest.OK(map[string]any{
			"Credentials": map[string]string{"TmpSecretId": id, "TmpSecretKey": key, "Token": token},
			"ExpiredTime": end.Unix(), "Expiration": end.UTC().Format(time.RFC3339),
		})
	}))
	return a
}

func (a *account) issue() (id, key, token string, end time.Time) {
	n := a.issued.Add(1)
	return fmt.Sprintf("id-%d", n), fmt.Sprintf("secret-%d", n), fmt.Sprintf("token-%d", n), time.Now().Add(a.life)
}

// RoundTrip serves the metadata of a virtual machine, and the API.
func (a *account) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Host != "metadata.tencentyun.com" {
		return a.API.RoundTrip(req)
	}
	w := httptest.NewRecorder()
	switch name := strings.TrimPrefix(req.URL.Path, "/latest/meta-data/cam/security-credentials/"); name {
	case "":
		fmt.Fprint(w, "a-role")
	case "a-role":
		id, key, token, end := a.issue()
		_ = json.NewEncoder(w).Encode(map[string]any{
			"TmpSecretId": id, "TmpSecretKey": key, "Token": token,
			"ExpiredTime": end.Unix(), "Expiration": end.UTC().Format(time.RFC3339), "Code": "Success",
		})
	default:
		w.WriteHeader(http.StatusNotFound)
	}
	return w.Result(), nil
}

func tke(t *testing.T) common.Provider {
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("a-web-identity"), 0o600))
	for name, value := range map[string]string{
		"TKE_REGION": "ap-guangzhou", "TKE_PROVIDER_ID": "p", "TKE_WEB_IDENTITY_TOKEN_FILE": file, "TKE_ROLE_ARN": "qcs::cam::uin/1:roleName/r",
	} {
		t.Setenv(name, value)
	}
	p, err := common.DefaultTkeOIDCRoleArnProvider()
	require.NoError(t, err)
	return p
}

// The SDK's own credentials are compared with ours: at every moment of a day both sign with
// keys that last, over the default transport of the whole program.
func TestTheSDKsRolesAreSourcesThatRefreshAsTheSDKDoes(t *testing.T) {
	for name, c := range map[string]struct {
		provider func(*testing.T) common.Provider
		life     time.Duration
	}{
		"CVM role":   {func(*testing.T) common.Provider { return common.DefaultCvmRoleProvider() }, 6 * time.Hour},
		"AssumeRole": {func(*testing.T) common.Provider { return common.DefaultRoleArnProvider(testID, testKey, "qcs::cam") }, 2 * time.Hour},
		"TKE OIDC":   {tke, 2 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			provider := c.provider(t)
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := newAccount(c.life), newAccount(c.life)
				setDefaultTransport(t, theirs)
				sdk, err := provider.GetCredential()
				require.NoError(t, err)
				source := tcsdk.Source(provider)
				for at := time.Duration(0); at < 12*time.Hour; at += 10 * time.Minute {
					setDefaultTransport(t, theirs)
					id, key, token := sdk.GetCredential()
					setDefaultTransport(t, ours)
					creds, err := source.Credentials(t.Context())
					require.NoError(t, err)
					synctest.Wait()
					require.NotEmpty(t, id+key+token)
					n := strings.TrimPrefix(creds.SecretID, "id-")
					require.Equal(t, "secret-"+n, creds.SecretKey)
					require.Equal(t, "token-"+n, creds.Token)
					time.Sleep(10 * time.Minute)
				}
				require.InDelta(t, theirs.issued.Load(), ours.issued.Load(), 1, "as often as the SDK does")
				require.Greater(t, ours.issued.Load(), int32(1))
			})
		})
	}
}

// A call of each ten seconds never signs with keys that have expired.
func TestNoCallSignsWithExpiredKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(6 * time.Hour)
		setDefaultTransport(t, a)
		source := tcsdk.Source(common.DefaultCvmRoleProvider())
		last, since := "", time.Now()
		for range 5000 {
			creds, err := source.Credentials(t.Context())
			require.NoError(t, err)
			if creds.SecretID != last {
				last, since = creds.SecretID, time.Now()
			}
			require.Less(t, time.Since(since), 6*time.Hour)
			time.Sleep(10 * time.Second)
		}
		require.EqualValues(t, 3, a.issued.Load())
	})
}

func TestTheEnvironmentAndTheProfileOfTheSDKAreSources(t *testing.T) {
	file := filepath.Join(t.TempDir(), "credentials")
	require.NoError(t, os.WriteFile(file, []byte("[default]\nsecret_id = an-id\nsecret_key = a-key\n"), 0o600))
	t.Setenv(common.EnvCredentialFile, file)
	t.Setenv("TENCENTCLOUD_SECRET_ID", "an-id")
	t.Setenv("TENCENTCLOUD_SECRET_KEY", "a-key")
	for _, source := range []tc3.Source{
		tcsdk.Source(common.DefaultEnvProvider()), tcsdk.Source(common.DefaultProfileProvider()),
		tcsdk.Source(common.DefaultProviderChain()),
		tcsdk.CredentialSource(common.NewCredential("an-id", "a-key")),
	} {
		creds, err := source.Credentials(t.Context())
		require.NoError(t, err)
		require.Equal(t, tc3.Credentials{SecretID: "an-id", SecretKey: "a-key"}, creds)
		require.NotContains(t, fmt.Sprintf("%v %+v %#v", source, source, source), "a-key")
	}
}

func TestAChainContinuesAfterAProviderWithoutCredentials(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	require.NoError(t, os.Unsetenv(common.EnvCredentialFile))
	setDefaultTransport(t, roundTripperFunc(func(*http.Request) (*http.Response, error) {
		return nil, errors.New("not on a virtual machine")
	}))
	for _, provider := range []common.Provider{
		common.NewEnvProvider("NOT_SET_ID", "NOT_SET_KEY"), common.DefaultProfileProvider(), common.DefaultCvmRoleProvider(),
		common.NewProviderChain(nil),
	} {
		_, err := tcsdk.Source(provider).Credentials(t.Context())
		require.ErrorIs(t, err, tc3.ErrNoCredentials)
		want := tc3.Credentials{SecretID: "i", SecretKey: "k"}
		got, err := tc3.Chain{tcsdk.Source(provider), tc3.Static(want)}.Credentials(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

// The API can reject keys before they expire: a role was changed, for example. The SDK would
// sign with them until then.
func TestRejectedKeysAreReplacedWithinTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAccount(6 * time.Hour)
		setDefaultTransport(t, a)
		a.Script("DescribeZones", tctest.OK(nil), tctest.Fail("AuthFailure.TokenFailure", ""))
		client := newProduct(overHTTP())
		client.WithHttpTransport(&tc3.Transport{Source: tcsdk.Source(common.DefaultCvmRoleProvider()), Base: a})
		require.NoError(t, tcsdk.New().Use(client))
		require.NoError(t, send(client, "DescribeZones"))
		require.NoError(t, send(client, "DescribeZones"))
		var ids []string
		for _, call := range a.Recorded() {
			ids = append(ids, call.SecretID)
		}
		require.Equal(t, []string{"id-1", "id-1", "id-2"}, ids)
	})
}

type providerFunc func() (common.CredentialIface, error)

func (f providerFunc) GetCredential() (common.CredentialIface, error) { return f() }

func TestACallDoesNotWaitForAProviderThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang, calls := make(chan struct{}), new(atomic.Int32)
		source := tcsdk.Source(providerFunc(func() (common.CredentialIface, error) {
			calls.Add(1)
			<-hang
			return common.NewCredential("i", "k"), nil
		}))
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := source.Credentials(ctx)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			cancel()
			time.Sleep(time.Minute)
		}
		require.EqualValues(t, 1, calls.Load(), "it is joined, not called again")
		close(hang)
		synctest.Wait()
		_, err := source.Credentials(t.Context())
		require.NoError(t, err)
	})
}

func TestNoErrorOfAProviderHoldsAKey(t *testing.T) {
	for name, provider := range map[string]providerFunc{
		"a response is quoted": func() (common.CredentialIface, error) {
			return nil, sdkerrors.NewTencentCloudSDKError("ClientError.ParseJsonError", "Fail to parse json content: the-key", "")
		},
		"a status is reported": func() (common.CredentialIface, error) {
			return nil, sdkerrors.NewTencentCloudSDKError("ClientError.HttpStatusCodeError", "with body: the-key", "")
		},
		"a panic":  func() (common.CredentialIface, error) { panic("the-key") },
		"nil, nil": func() (common.CredentialIface, error) { return nil, nil },
		"a refusal": func() (common.CredentialIface, error) {
			return nil, sdkerrors.NewTencentCloudSDKError("AuthFailure", "no such role", "an-id")
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := tcsdk.Source(provider).Credentials(t.Context())
			require.ErrorContains(t, err, "tcretry: tc3: the SDK's provider")
			require.NotContains(t, err.Error(), "the-key")
			require.ErrorContains(t, err, map[string]string{
				"a response is quoted": "ClientError.ParseJsonError: the response is not what was expected",
				"a status is reported": "ClientError.HttpStatusCodeError: the response is not what was expected",
				"a panic":              "panicked with a string",
				"nil, nil":             "panicked with a runtime.",
				"a refusal":            "AuthFailure: no such role (request id an-id)",
			}[name])
		})
	}
}

// The SDK's calls to STS have no client that a program could use.
func TestTheSDKsOwnCallsToSTSAreRetriedOverTheDefaultTransportAndTheDefaultClient(t *testing.T) {
	for name, setUp := range map[string]func(*testing.T, http.RoundTripper){
		"http.DefaultTransport": func(t *testing.T, rt http.RoundTripper) { setDefaultTransport(t, rt) },
		"common.DefaultHttpClient": func(t *testing.T, rt http.RoundTripper) {
			common.DefaultHttpClient = &http.Client{Transport: rt}
			t.Cleanup(func() { common.DefaultHttpClient = nil })
		},
	} {
		for action, provider := range map[string]common.Provider{
			"AssumeRole":                common.DefaultRoleArnProvider(testID, testKey, "qcs::cam"),
			"AssumeRoleWithWebIdentity": common.NewOIDCRoleArnProvider("ap-guangzhou", "p", "token", "qcs::cam", "s", 7200),
		} {
			t.Run(name+", "+action, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					a := newAccount(2 * time.Hour)
					a.Script(action, tctest.Throttle(), tctest.Fail("InternalError", ""))
					setDefaultTransport(t, a)
					setUp(t, tcsdk.New())
					creds, err := tcsdk.Source(provider).Credentials(t.Context())
					require.NoError(t, err)
					require.Equal(t, "id-1", creds.SecretID)
					requireAttempts(t, a.API, action, 3)
				})
			})
		}
	}
}
