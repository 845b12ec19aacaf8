package proxycmd_test

import (
	"bytes"
	"flag"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/proxy/proxycmd"
	"github.com/tcretry/tcretry/tctest"
)

// A zero is the default of the Config, which the usage of the flag names.
func TestTheFlagsOfTheCommand(t *testing.T) {
	flags := flag.NewFlagSet("", flag.PanicOnError)
	new(proxycmd.Command).Define(flags)
	got := map[string]string{}
	flags.VisitAll(func(f *flag.Flag) { got[f.Name] = f.DefValue })
	require.Equal(t, map[string]string{
		"listen": "127.0.0.1:8128", "admin": "127.0.0.1:8129", "dangerously-listen-beyond-loopback": "false",
		"allow-host": "[]", "policy": "", "attempt-timeout": "0s",
		"max-body-bytes": "0", "max-header-bytes": "0", "max-buffered-bytes": "0", "max-calls": "0",
		"client-timeout": "0s", "idle-timeout": "0s", "drain-timeout": "0s", "log-level": "INFO",
	}, got)
	require.Contains(t, flags.Lookup("listen").Usage, "default 127.0.0.1:8128")
	require.Contains(t, flags.Lookup("admin").Usage, "default 127.0.0.1:8129")
}

// run runs the command with flags that are not valid, and returns the exit code and the
// lines on the standard error.
func run(t *testing.T, c *proxycmd.Command, args ...string) (int, []string) {
	t.Helper()
	flags := flag.NewFlagSet("", flag.PanicOnError)
	c.Define(flags)
	require.NoError(t, flags.Parse(args))
	var stderr bytes.Buffer
	code := c.Run(flags.Args(), &stderr)
	return code, strings.Split(strings.TrimSuffix(stderr.String(), "\n"), "\n")
}

func TestEachFlagSetsItsFieldAndIsNamedInItsError(t *testing.T) {
	code, got := run(t, new(proxycmd.Command), "-max-body-bytes", "-1", "-max-header-bytes", "-2", "-max-buffered-bytes", "-3",
		"-max-calls", "-4", "-client-timeout", "-5s", "-idle-timeout", "-6s", "-drain-timeout", "-7s", "-attempt-timeout", "-8s",
		"-allow-host", "a/b", "-allow-host", "c/d", "-listen", "0.0.0.0:80", "-admin", "x")
	require.Equal(t, proxycmd.ExitUsage, code)
	for _, want := range []string{
		"-max-body-bytes(-1)", "-max-header-bytes(-2)", "-max-buffered-bytes(-3)", "-max-calls(-4)", "-client-timeout(-5s)",
		"-idle-timeout(-6s)", "-drain-timeout(-7s)", "-attempt-timeout(-8s)", "-allow-host(a/b)", "-allow-host(c/d)",
		"-listen(0.0.0.0:80)", "-admin(x)",
	} {
		require.Condition(t, func() bool { return strings.Contains(strings.Join(got, "\n"), "tcretry: proxy: "+want+": ") }, want)
	}
	require.Len(t, got, 12, "one line each")
	_, got = run(t, new(proxycmd.Command), "-dangerously-listen-beyond-loopback", "-listen", "0.0.0.0:0", "-admin", "x")
	require.Len(t, got, 1, "-listen is accepted")
	_, got = run(t, new(proxycmd.Command), "-policy", "/no/such/file")
	require.Contains(t, got[len(got)-1], "tcretry: proxy: -policy: open /no/such/file", "as every error, not in the log alone")
}

func TestOptionsAndPagesAreThoseOfTheProxy(t *testing.T) {
	code, got := run(t, &proxycmd.Command{
		Options: []tcretry.Option{tcretry.WithMaxPeekBytes(0)}, AdminPages: map[string]http.Handler{"/state": nil},
	})
	require.Equal(t, proxycmd.ExitUsage, code)
	require.Contains(t, strings.Join(got, "\n"), "WithMaxPeekBytes")
	require.Contains(t, strings.Join(got, "\n"), "AdminPages(/state)")
	require.Len(t, got, 2)
	require.Equal(t, io.Discard, log.Writer(), "net/http writes bytes of responses there")
}

// A bad line of a policy is an error, and a questionable one a warning with its place.
func TestThePolicyIsCheckedWheneverItIsRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"codes": {"InternalEror": {"class": "transient"}}}`), 0o600))
	p := start(t, nil, append(anyPort, "-policy", file)...)
	p.wait(`level=WARN msg="tcretry: policy" file=\S+ warning=.*InternalEror`)
	p.wait(`level=INFO msg="tcretry: policy read" file=\S+ rules=(1)`)

	p = start(t, nil, anyPort...)
	p.wait(`proxy started`)
	p.signal(syscall.SIGHUP)
	p.wait(`level=WARN msg="tcretry: SIGHUP without -policy`)
	p.signal(syscall.SIGINT)
	require.Equal(t, proxycmd.ExitOK, p.exit(), p.log())

	p = start(t, nil, "-listen", "127.0.0.1:0", "-admin", "127.0.0.1:18131", "-log-level", "error")
	require.Eventually(t, func() bool {
		resp, err := http.Get("http://127.0.0.1:18131/healthz")
		if err == nil {
			resp.Body.Close()
		}
		return err == nil
	}, patience, 5*time.Millisecond)
	p.signal(syscall.SIGTERM)
	require.Equal(t, proxycmd.ExitOK, p.exit())
	require.Empty(t, p.log(), "nothing above the level")
}

// The first signal drains, the second ends the process as if there were no handler.
func TestASecondSignalEndsTheProcessImmediately(t *testing.T) {
	api := tctest.NewAPI(tctest.Delay(time.Minute, tctest.OK(nil)))
	p := start(t, internet(t, api), append(anyPort, "-drain-timeout", "1m", "-attempt-timeout", "40s")...)
	client := p.client()
	go func() {
		if resp, err := client.Post("http://cvm.tencentcloudapi.com/", "application/json", strings.NewReader("{}")); err == nil {
			resp.Body.Close()
		}
	}()
	require.Eventually(t, func() bool { return api.Attempts("") == 1 }, patience, time.Millisecond)
	p.signal(syscall.SIGTERM)
	require.Equal(t, "1", p.wait(`proxy draining" calls=(\d+)`))
	<-time.After(50 * time.Millisecond)
	require.Equal(t, 1, strings.Count(p.log(), "proxy draining"))
	p.signal(syscall.SIGTERM)
	require.Equal(t, -1, p.exit(), "it ends by the signal")
}

func TestTheAttemptTimeoutLimitsEachAttempt(t *testing.T) {
	api := tctest.NewAPI(tctest.Delay(patience, tctest.OK(nil)), tctest.OK(nil))
	p := start(t, internet(t, api), append(anyPort, "-attempt-timeout", "300ms")...)
	status, body := call(t, p.client(), "DescribeZones")
	require.Equal(t, 200, status, body)
	require.Equal(t, 2, api.Attempts("DescribeZones"))
}

// The proxy of the environment may have the same port on another machine.
func TestTheEnvironmentMayNameAnotherProxyButNotThisOne(t *testing.T) {
	p := start(t, []string{"HTTPS_PROXY=http://192.0.2.1:18129"}, "-listen", "127.0.0.1:18129", "-admin", "")
	p.wait(`proxy started`)
	listen := map[string]string{"127.0.0.1": "127.0.0.1", "0.0.0.0": "127.0.0.1"}
	if own := otherAddress(); own != "" {
		listen[own] = own
	}
	for at, via := range listen {
		p = start(t, []string{"HTTPS_PROXY=http://" + via + ":18130"},
			"-listen", at+":18130", "-admin", "", "-dangerously-listen-beyond-loopback")
		require.Equal(t, proxycmd.ExitFailed, p.exit(), at)
		require.Contains(t, p.log(), "which is this proxy itself")
	}
}

// otherAddress is an address of this machine beyond loopback, "" if there is none.
func otherAddress() string {
	addresses, _ := net.InterfaceAddrs()
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && n.IP.IsGlobalUnicast() {
			return n.IP.String()
		}
	}
	return ""
}
