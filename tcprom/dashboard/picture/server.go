package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// server is a Prometheus that has the scrapes of a scene and makes no others.
type server struct {
	url     string
	command *exec.Cmd
	clock   clock
}

// serve writes the scrapes to a database in dir and starts a Prometheus on it, which
// ends with the context. It needs prometheus and promtool in the PATH.
func serve(ctx context.Context, dir string, scrapes []byte) (*server, error) {
	clock, err := clockOf(scrapes)
	if err != nil {
		return nil, err
	}
	file, data, config := filepath.Join(dir, "scrapes.txt"), filepath.Join(dir, "data"), filepath.Join(dir, "prometheus.yml")
	if err := errors.Join(os.WriteFile(file, scrapes, 0o600), os.WriteFile(config, nil, 0o600)); err != nil {
		return nil, err
	}
	if out, err := exec.CommandContext(ctx, "promtool", "tsdb", "create-blocks-from", "openmetrics", file, data).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("promtool: %w\n%s", err, out)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := listener.Addr().String()
	_ = listener.Close() // Prometheus takes no listener
	s := &server{url: "http://" + address, clock: clock}
	s.command = exec.CommandContext(ctx, "prometheus", "--config.file="+config, "--storage.tsdb.path="+data,
		"--web.listen-address="+address, "--log.level=error")
	s.command.Stderr = os.Stderr
	if err := s.command.Start(); err != nil {
		return nil, err
	}
	if err := s.ready(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// ready waits until the server responds, for half a minute.
func (s *server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		_, err := s.get(ctx, "/-/ready", nil)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("prometheus does not start: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// close ends the server.
func (s *server) close() {
	_ = s.command.Process.Kill()
	_ = s.command.Wait()
}

func (s *server) get(ctx context.Context, path string, query url.Values) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(resp.Body); err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", resp.Status, &body)
	}
	return body.Bytes(), nil
}
