package proxycmd_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"flag"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/proxy/proxycmd"
	"github.com/tcretry/tcretry/tctest"
)

const patience = 20 * time.Second

// The test binary is the command as well, so that signals and the environment are those
// of a process.
func TestMain(m *testing.M) {
	if os.Getenv("TCRETRY_TEST_PROXY") == "" {
		os.Exit(m.Run())
	}
	command := new(proxycmd.Command)
	flags := flag.NewFlagSet("proxy", flag.ExitOnError)
	command.Define(flags)
	_ = flags.Parse(os.Args[1:])
	os.Exit(command.Run(flags.Args(), os.Stderr))
}

// process is a proxy that runs as a process.
type process struct {
	t   *testing.T
	cmd *exec.Cmd

	mu     sync.Mutex
	stderr bytes.Buffer // guarded by mu
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.Write(b)
}

func (p *process) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.String()
}

// start starts the command with an environment and flags.
func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.CommandContext(t.Context(), os.Args[0], args...)}
	p.cmd.Env = append([]string{"TCRETRY_TEST_PROXY=1", "PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, env...)
	p.cmd.Stderr = p
	require.NoError(t, p.cmd.Start())
	t.Cleanup(func() { _ = p.cmd.Process.Kill(); _ = p.cmd.Wait() })
	return p
}

// wait returns what a regular expression captures once it matches the log.
func (p *process) wait(pattern string) string {
	p.t.Helper()
	var found []string
	re := regexp.MustCompile(pattern)
	require.Eventually(p.t, func() bool {
		found = re.FindStringSubmatch(p.log())
		return found != nil
	}, patience, 5*time.Millisecond, "%s: %s", pattern, p)
	return found[len(found)-1]
}

func (p *process) signal(s syscall.Signal) { require.NoError(p.t, p.cmd.Process.Signal(s)) }

// exit waits for the end of the process.
func (p *process) exit() int {
	p.t.Helper()
	ended := make(chan struct{})
	go func() { _ = p.cmd.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(patience):
		require.FailNow(p.t, "it does not end", p.log())
	}
	return p.cmd.ProcessState.ExitCode()
}

// client has the process for its HTTP proxy.
func (p *process) client() *http.Client {
	at := &url.URL{Scheme: "http", Host: p.wait(`proxy started" listen=(\S+)`)}
	transport := &http.Transport{Proxy: http.ProxyURL(at), DisableCompression: true}
	p.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

func (p *process) admin() string { return "http://" + p.wait(`proxy started.* admin=(\S+)`) }

// internet serves the API under its own name, to processes with the environment that it
// returns: a proxy of a company connects every host to it.
func internet(t *testing.T, api *tctest.API) (env []string) {
	certificate, file := authority(t)
	origin := httptest.NewUnstartedServer(api.Handler())
	origin.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	origin.EnableHTTP2 = true
	origin.StartTLS()
	t.Cleanup(func() { origin.CloseClientConnections(); origin.Close() })
	company := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		server, err := net.Dial("tcp", origin.Listener.Addr().String())
		if err != nil {
			return
		}
		defer server.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(server, rw); server.Close() }()
		_, _ = io.Copy(conn, server)
	}))
	t.Cleanup(company.Close)
	return []string{"HTTPS_PROXY=" + company.URL, "SSL_CERT_FILE=" + file}
}

// authority is a certificate of the API's hosts, and the file of who signed it.
func authority(t *testing.T) (tls.Certificate, string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"*.tencentcloudapi.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}
