package main

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tcprom"
	"github.com/tcretry/tcretry/tctest"
)

// What happens in the scene, from its start. Before and between, a few calls fail.
const (
	length         = 30 * time.Minute
	batchStart     = 5 * time.Minute // more calls than the rate limit permits
	batchEnd       = 11 * time.Minute
	outageStart    = 15 * time.Minute // of one host
	outageEnd      = 19 * time.Minute
	failingStart   = 23 * time.Minute // InternalError of one action
	failingEnd     = 26 * time.Minute
	batchWorkers   = 25
	limit          = 10 // attempts per second of DescribeInstances
	scrapeInterval = 15 * time.Second
	callTimeout    = time.Minute // that of the official SDK
)

// load is the calls of one action, which start at random, independently of each other.
type load struct {
	service, action, region string
	perSecond               float64
}

var loads = []load{
	{"cvm", "DescribeInstances", "ap-guangzhou", 5},
	{"cvm", "RunInstances", "ap-guangzhou", 1},
	{"cbs", "DescribeDisks", "ap-shanghai", 4},
	{"lkeap", "GetSplitDocumentResult", "ap-guangzhou", 0.5},
}

// scene is a program that calls an embedded API through an instrumented Transport.
type scene struct {
	start  time.Time
	client *http.Client
	wait   sync.WaitGroup // for the calls
	mu     sync.Mutex
	rand   *rand.Rand // guarded by mu
}

func (s *scene) draw() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rand.Float64()
}

// play plays the scene in virtual time and returns what a Prometheus would have
// scraped, as text in the OpenMetrics format with a timestamp in every line.
func play(t *testing.T) []byte {
	var text bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(9 * time.Hour) // bubbles start at midnight: programs are looked at by day
		metrics, err := tcprom.NewCollector(tcprom.Options{})
		if err != nil {
			t.Fatal(err)
		}
		registry := prometheus.NewRegistry()
		registry.MustRegister(metrics)
		s := &scene{start: time.Now(), rand: rand.New(rand.NewPCG(1, 1))}
		transport := tcretry.New(s.api(), tcretry.WithHooks(metrics.Hooks()))
		if err := metrics.Watch("default", transport); err != nil {
			t.Fatal(err)
		}
		s.client = &http.Client{Transport: transport, Timeout: callTimeout}
		s.run()
		for time.Since(s.start) < length {
			time.Sleep(scrapeInterval)
			if err := scrape(&text, registry, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		s.wait.Wait()
	})
	text.WriteString("# EOF\n")
	return text.Bytes()
}

func (s *scene) api() *tctest.API {
	api := tctest.NewAPI()
	api.RateLimit("DescribeInstances", limit, tctest.FixedWindow)
	api.Latency(func() time.Duration { return time.Duration(30+s.draw()*90) * time.Millisecond })
	api.Default(tctest.Func(func(a tctest.Attempt) tctest.Reply {
		return reply(time.Since(s.start), a, s.draw())
	}))
	return api
}

// reply returns what the API does with an attempt at a time of the scene. drawn is
// between 0 and 1.
func reply(at time.Duration, a tctest.Attempt, drawn float64) tctest.Reply {
	switch {
	case a.Service == "cbs" && outageStart <= at && at < outageEnd:
		if drawn < .7 {
			return tctest.DropBeforeExecution()
		}
		return tctest.GatewayError(http.StatusBadGateway)
	case a.Service == "lkeap" && drawn < .06:
		return tctest.FailTask("FailedOperation", "The document cannot be read.", map[string]any{"Status": 3})
	case a.Action == "RunInstances" && failingStart <= at && at < failingEnd && drawn < .4,
		drawn > .997:
		return tctest.Fail("InternalError", "An internal error has occurred.")
	case a.Action == "RunInstances" && drawn < .04:
		return tctest.Fail("ResourceInUse", "The resource is in use.")
	case a.Action == "RunInstances" && drawn < .07:
		return tctest.Fail("ResourceInsufficient.SpecifiedInstanceType", "The instance type is sold out.")
	case a.Action == "RunInstances" && drawn > .99:
		return tctest.DropAfterExecution()
	}
	return tctest.OK(nil)
}

// run starts the calls of the scene.
func (s *scene) run() {
	for _, l := range loads {
		s.wait.Go(func() {
			for time.Since(s.start) < length {
				s.mu.Lock()
				gap := s.rand.ExpFloat64() / l.perSecond
				s.mu.Unlock()
				time.Sleep(time.Duration(gap * float64(time.Second)))
				s.wait.Go(func() { s.call(l) })
			}
		})
	}
	for range batchWorkers {
		s.wait.Go(func() {
			time.Sleep(batchStart + time.Duration(s.draw()*float64(20*time.Second)))
			for time.Since(s.start) < batchEnd {
				s.call(loads[0])
			}
		})
	}
}

// call makes one call. Its result is in the metrics.
func (s *scene) call(l load) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost,
		"https://"+l.service+".tencentcloudapi.com/", strings.NewReader("{}"))
	if err != nil {
		panic(err) // its arguments are constants
	}
	req.Header.Set("X-TC-Action", l.action)
	req.Header.Set("X-TC-Region", l.region)
	resp, err := s.client.Do(req)
	if err == nil {
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
}
