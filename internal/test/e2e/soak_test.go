package e2e_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/bodies/bodytest"
	"github.com/tcretry/tcretry/tctest"
)

var (
	soakTime = flag.Duration("soak", 2*time.Second, "how long TestSoak runs")
	soakSeed = flag.Uint64("soak.seed", 0, "what TestSoak draws from; 0 means a new one")
)

// soakCallers is how many goroutines make concurrent calls.
const soakCallers = 200

// TestSoak lets hundreds of goroutines call a server that fails in every way that
// tctest knows, while callers give up, policies change and idle connections are
// closed. Nothing may be left behind, and nothing unprotected executed twice.
// Run it for longer with
//
//	go test -race -run TestSoak -soak 5m ./internal/test/e2e
func TestSoak(t *testing.T) {
	seed := *soakSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-soak.seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	const round = time.Second // what is recorded of a round is forgotten with it
	secure := false           // HTTP/1.1 and HTTP/2 in turn
	var retries, refused int64
	for left := *soakTime; left > 0; left -= round {
		s := newSoak(secure, rng.Uint64())
		s.run(min(left, round))
		s.check(t)
		secure = !secure
		retries += s.retries.Load()
		refused += s.reasons[tcretry.StopNotIdempotent].Load()
	}
	require.Positive(t, retries)
	require.Positive(t, refused)
}

// soak is one round: a server, the Transports that call it, and what came of it.
type soak struct {
	seed              uint64
	api               *tctest.API
	server            *httptest.Server
	open              atomic.Int64 // connections at the server
	transports        []*tcretry.Transport
	calls, undone     atomic.Int64 // undone: without exactly one CallDone
	attempts, retries atomic.Int64
	others            goleak.Option // the goroutines before the round
	buffers           int64
	reasons           [tcretry.StopCanceled + 1]atomic.Int64
}

func newSoak(secure bool, seed uint64) *soak {
	s := &soak{seed: seed, api: tctest.NewAPI(), others: goleak.IgnoreCurrent(), buffers: bodytest.InUse()}
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(seed, 1))
	s.api.Default(tctest.Func(func(tctest.Attempt) tctest.Reply {
		mu.Lock()
		defer mu.Unlock()
		return soakAnswer(rng)
	}))
	s.server = httptest.NewUnstartedServer(s.api.Handler())
	s.server.Listener = &countingListener{s.server.Listener, &s.open}
	s.server.EnableHTTP2 = secure
	s.server.Config.ErrorLog = log.New(io.Discard, "", 0) // callers that give up are meant
	if secure {
		s.server.StartTLS()
	} else {
		s.server.Start()
	}
	base := s.server.Client().Transport.(*http.Transport)
	base.MaxIdleConnsPerHost = soakCallers // so that they spend their time on calls and not on handshakes
	hooks := tcretry.WithHooks(tcretry.Hooks{
		AttemptDone:    func(context.Context, tcretry.AttemptInfo) { s.attempts.Add(1) },
		RetryScheduled: func(context.Context, tcretry.RetryInfo) { s.retries.Add(1) },
		CallDone: func(ctx context.Context, i tcretry.CallInfo) {
			ctx.Value(soakKey{}).(*atomic.Int64).Add(1)
			s.reasons[i.Reason].Add(1)
		},
	})
	s.transports = []*tcretry.Transport{
		tcretry.New(base, hooks, tcretry.WithPolicy(soakPolicy(rng))),
		tcretry.New(base, hooks, tcretry.WithPolicy(soakPolicy(rng)), tcretry.WithAttemptTimeout(300*time.Millisecond)),
		tcretry.New(base, hooks, tcretry.WithPolicy(soakPolicy(rng)), tcretry.WithoutRateLimiter(), tcretry.WithoutBudget()),
	}
	return s
}

// soakKey is the key under which a call's context counts its CallDone.
type soakKey struct{}

// run makes calls for some time.
func (s *soak) run(d time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	var wg sync.WaitGroup
	for i := range soakCallers {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(s.seed, uint64(i)+2))
			for ctx.Err() == nil {
				s.call(rng, fmt.Sprintf("%d-%d", i, s.calls.Add(1)))
			}
		})
	}
	wg.Go(func() { s.disturb(ctx) })
	wg.Wait()
}

// disturb does what a program does beside its calls.
func (s *soak) disturb(ctx context.Context) {
	rng := rand.New(rand.NewPCG(s.seed, soakCallers+2))
	ticks := time.NewTicker(3 * time.Millisecond)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		rt := s.transports[rng.IntN(len(s.transports))]
		_ = rt.SetPolicy(soakPolicy(rng)) // it is valid
		_, _ = rt.RateLimits(), rt.Budgets()
		if rng.IntN(50) == 0 {
			rt.CloseIdleConnections()
		}
	}
}

// call makes one call of the given id and does something with its response.
func (s *soak) call(rng *rand.Rand, id string) {
	var events atomic.Int64
	ctx := context.WithValue(context.Background(), soakKey{}, &events)
	cancel := func() {}
	switch d := time.Duration(rng.IntN(300)) * time.Millisecond; rng.IntN(5) {
	case 0:
		ctx, cancel = context.WithTimeout(ctx, d)
	case 1:
		ctx, cancel = context.WithCancel(ctx)
		defer time.AfterFunc(d, cancel).Stop()
	case 2:
		ctx = tcretry.ContextWithPolicy(ctx, soakPolicy(rng))
	}
	defer cancel()
	resp, err := s.transports[rng.IntN(len(s.transports))].RoundTrip(s.request(ctx, rng, id))
	if events.Load() != 1 {
		s.undone.Add(1)
	}
	if err != nil {
		return
	}
	useBody(rng, resp.Body)
}

// check requires that the round left nothing behind, and executed nothing that is
// not protected twice.
func (s *soak) check(t *testing.T) {
	t.Helper()
	settled := func(what string, ok func() bool) {
		require.True(t, eventually(ok), "%s are left behind", what)
	}
	settled("connections", func() bool {
		// Again and again: a connection that was dialled for a caller who gave up
		// is idle only once its handshake is over.
		s.transports[0].CloseIdleConnections()
		return s.open.Load() == 0
	})
	s.server.Close()
	goleak.VerifyNone(t, s.others)
	settled("buffers", func() bool { return bodytest.InUse() == s.buffers })
	for _, rt := range s.transports {
		for _, p := range rt.RateLimits() {
			require.Zero(t, p.Waiting+p.InFlight, "%+v", p)
		}
		for _, b := range rt.Budgets() {
			require.Zero(t, b.Deferred)
		}
	}
	require.Zero(t, s.undone.Load(), "calls whose CallDone was not events once")
	s.checkExecutions(t)
	t.Logf("%d calls, %d attempts, %d retries; ended: %s", s.calls.Load(), s.attempts.Load(), s.retries.Load(), s.ends())
}

// ends lists how many calls ended for each reason.
func (s *soak) ends() string {
	var b strings.Builder
	for r := tcretry.StopSuccess; r <= tcretry.StopCanceled; r++ {
		fmt.Fprintf(&b, " %s %d", r, s.reasons[r].Load())
	}
	return b.String()
}

// checkExecutions requires that no write ran twice: those without a ClientToken
// because they were not retried, the others because the API recognises them by it.
func (s *soak) checkExecutions(t *testing.T) {
	t.Helper()
	executed := map[string]int{}
	for _, c := range s.api.Recorded() {
		if c.Action != "RunInstances" || !c.Executed {
			continue
		}
		_, rest, _ := strings.Cut(string(c.Body), `"Id":"`)
		id, _, _ := strings.Cut(rest, `"`)
		require.NotEmpty(t, id)
		executed[id]++
		require.Equal(t, 1, executed[id], "%s was executed again", id)
	}
	require.NotEmpty(t, executed)
}

// eventually reports whether ok becomes true within ten seconds.
func eventually(ok func() bool) bool {
	ticks := time.NewTicker(time.Millisecond)
	defer ticks.Stop()
	for range 10_000 {
		if ok() {
			return true
		}
		<-ticks.C
	}
	return false
}

// countingListener counts the connections that are open.
type countingListener struct {
	net.Listener
	open *atomic.Int64
}

func (l *countingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.open.Add(1)
	return &countedClose{Conn: conn, open: l.open}, nil
}

type countedClose struct {
	net.Conn
	once sync.Once
	open *atomic.Int64
}

func (c *countedClose) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.Conn.Close()
}
