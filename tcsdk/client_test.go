package tcsdk_test

import (
	"bytes"
	"log"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	tchttp "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/http"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"

	"github.com/tcretry/tcretry/tctest"
)

const (
	testID  = "AKIDtestid"
	testKey = "a-secret-key-of-tests"
)

// product is a client as the SDK's generator makes one for each product.
type product struct{ common.Client }

// newProduct is the generated NewClient.
func newProduct(p *profile.ClientProfile) *product {
	c := new(product)
	c.Init("ap-guangzhou").WithCredential(common.NewCredential(testID, testKey)).WithProfile(p)
	return c
}

// profileOf returns the SDK's default profile for a server of the tests.
func profileOf(srv *tctest.Server) *profile.ClientProfile {
	p := profile.NewClientProfile()
	p.HttpProfile.Scheme, p.HttpProfile.Endpoint, _ = strings.Cut(srv.URL, "://")
	return p
}

func request(action string) *tchttp.CommonRequest {
	r := tchttp.NewCommonRequest("cvm", "2017-03-12", action)
	_ = r.SetActionParameters(map[string]any{"Limit": 1})
	return r
}

func send(c interface {
	Send(tchttp.Request, tchttp.Response) error
}, action string,
) error {
	return c.Send(request(action), tchttp.NewCommonResponse())
}

// serve starts an API that checks signatures.
func serve(t *testing.T) (*tctest.API, *tctest.Server) {
	api := tctest.NewAPI()
	api.CheckSignatures(map[string]string{testID: testKey})
	return api, api.Start(t)
}

// logged is a logger of the SDK whose text can be read.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logged) logger() *log.Logger { return log.New(l, "", 0) }

// setDefaultTransport replaces http.DefaultTransport until the test ends.
func setDefaultTransport(t *testing.T, rt http.RoundTripper) {
	original := http.DefaultTransport
	http.DefaultTransport = rt
	t.Cleanup(func() { http.DefaultTransport = original })
}

type roundTripperFunc func(*http.Request) (*http.Response, error)

func (f roundTripperFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func requireAttempts(t *testing.T, api *tctest.API, action string, want int) {
	t.Helper()
	require.Equal(t, want, api.Attempts(action), "attempts of %s", action)
}
