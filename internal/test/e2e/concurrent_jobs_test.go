package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/tctest"
)

// jobsAtOnce is an API that takes so many concurrent jobs, each of which lasts a while.
func jobsAtOnce(most int32, lasts time.Duration) http.RoundTripper {
	var running atomic.Int32
	return probe.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		defer running.Add(-1)
		if running.Add(1) > most {
			return probe.Always(tctest.Fail("RequestLimitExceeded.JobNumExceed", "")).RoundTrip(req)
		}
		time.Sleep(lasts)
		return probe.Always(tctest.OK(nil)).RoundTrip(req)
	})
}

// longDelays is the policy that docs/configuration.md shows for limits of concurrent jobs.
var longDelays = tcretry.Policy{Codes: map[string]tcretry.Rule{
	"RequestLimitExceeded.JobNumExceed": {
		MaxElapsed: 10 * time.Minute,
		Backoff:    tcretry.Backoff{Initial: 5 * time.Second, Max: 20 * time.Second, Jitter: 0.5},
	},
}}

// failedJobs makes twenty concurrent calls that last ten seconds each, of which five may
// run, and returns how many fail.
func failedJobs(t *testing.T, p tcretry.Policy) int {
	var failed atomic.Int32
	synctest.Test(t, func(t *testing.T) {
		rt := tcretry.New(jobsAtOnce(5, 10*time.Second), tcretry.WithPolicy(p))
		var calls sync.WaitGroup
		for range 20 {
			calls.Go(func() {
				resp, err := rt.RoundTrip(probe.SDKRequest(t, "SubmitJob", strings.NewReader("{}")))
				if err != nil || tcretry.CheckResponse(resp) != nil {
					failed.Add(1)
				}
			})
		}
		calls.Wait()
	})
	return int(failed.Load())
}

func TestConcurrentJobsSucceedWithARuleOfLongDelays(t *testing.T) {
	require.Empty(t, longDelays.Lint())
	require.Positive(t, failedJobs(t, tcretry.Policy{}), "the defaults give up before")
	for range 20 {
		require.Zero(t, failedJobs(t, longDelays))
	}
}

// docs/configuration.md names the codes of the catalogue that are limits of concurrent jobs,
// and each of them is what it says.
func TestThePageNamesTheLimitsOfConcurrentJobs(t *testing.T) {
	text, err := os.ReadFile("../../../docs/configuration.md")
	require.NoError(t, err)
	_, section, _ := strings.Cut(string(text), "### Limits of jobs at once")
	section, _, _ = strings.Cut(section, "\n## ")
	named, family := map[string]bool{}, ""
	for _, match := range regexp.MustCompile("[`\"](\\w*)(\\.\\w+)[`\"]").FindAllStringSubmatch(section, -1) {
		if match[1] != "" {
			family = match[1]
		}
		named[family+match[2]] = true
	}
	require.Greater(t, len(named), 15)
	for code := range named {
		require.Contains(t, tcretry.Codes(), code)
		require.Equal(t, tcretry.Busy, tcretry.Explain(code).Class, code)
	}
	limits := regexp.MustCompile(`JobNum|Concurrency|Concurrent$|ConcurrentDownloads|TaskLimit|RunningTaskExceed|MaximumRunning`)
	for _, code := range tcretry.Codes() {
		if limits.MatchString(code) && tcretry.Explain(code).Class == tcretry.Busy {
			require.True(t, named[code], "the page names %s", code)
		}
	}
}

// Five jobs may run at once, and twenty wait: wait longer, and as often as ten
// minutes allow.
func ExamplePolicy_jobsAtOnce() {
	e := longDelays.Explain("RequestLimitExceeded.JobNumExceed")
	fmt.Println(e.Class)
	fmt.Println(strings.Join(e.Changes, "\n"))
	// Output:
	// busy
	// attempts: 4 → any number
	// time: 2m → 10m
	// delays: 2s to 3s, 6s to 9s, 18s to 27s → 2.5s to 7.5s, 7.5s to 22.5s, 10s to 30s, 10s to 30s, 10s to 30s, 10s to 30s, 10s to 30s, 10s to 30s, 10s to 30s, 10s to 30s and so on
}
