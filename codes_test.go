package tcretry_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/tctest"
)

// readTSV returns the rows of a TSV file without the header.
func readTSV(t *testing.T, path string) [][]string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var rows [][]string
	for line := range strings.Lines(string(text)) {
		rows = append(rows, strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
	}
	return rows[1:]
}

func className(t *testing.T, name string) tcretry.Class {
	t.Helper()
	var class tcretry.Class
	require.NoError(t, class.UnmarshalText([]byte(name)))
	return class
}

func TestEveryDocumentedExceptionIsInTheCatalogueWithItsProducts(t *testing.T) {
	rows := readTSV(t, "testdata/codes.tsv")
	require.Len(t, rows, 813)
	for _, row := range rows {
		e := tcretry.Explain(row[0])
		require.Equal(t, className(t, row[1]), e.Class, row[0])
		require.Equal(t, strings.Split(row[2], ","), e.Products, row[0])
		require.Equal(t, "built in, code "+row[0], e.Rule)
	}
}

func TestTheCatalogueIsSortedWithoutDuplicatesAndWellFormed(t *testing.T) {
	rows := readTSV(t, "internal/codes/codes.tsv")
	codes := make([]string, len(rows))
	for i, row := range rows {
		require.Len(t, row, 5, row[0])
		codes[i] = row[0]
		require.NoError(t, tcretry.Policy{Codes: map[string]tcretry.Rule{row[0]: {}}}.Validate())
		require.NotContains(t, row[0], ":")
		if row[1] == "=" {
			require.NotEmpty(t, row[4], "%s has neither a class nor a reason", row[0])
		} else {
			require.Contains(t, []string{"terminal", "throttled", "busy", "transient", "transient-idempotent"}, row[1], row[0])
		}
	}
	require.True(t, slices.IsSorted(codes))
	require.Equal(t, slices.Compact(slices.Clone(codes)), codes)
	require.Equal(t, codes, tcretry.Codes())
}

func TestNoCatalogueEntryRepeatsTheClassOfItsFamily(t *testing.T) {
	for _, row := range readTSV(t, "internal/codes/codes.tsv") {
		family, _, _ := strings.Cut(row[0], ".")
		asFamily := tcretry.Explain(family + ".NoSuchCode").Class
		if row[1] != "=" && row[2] == "" {
			require.NotEqual(t, asFamily.String(), row[1], row[0])
		}
	}
}

func TestPublishedCommonCodesAreTerminalButForThreeFamilies(t *testing.T) {
	var codes []struct{ Code string }
	probe.ReadJSON(t, "testdata/vectors/common_codes.json", &codes)
	require.Len(t, codes, 38)
	want := map[string]tcretry.Class{
		"RequestLimitExceeded":                              tcretry.Throttled,
		"RequestLimitExceeded.UinLimitExceeded":             tcretry.Throttled,
		"RequestLimitExceeded.IPLimitExceeded":              tcretry.Throttled,
		"RequestLimitExceeded.GlobalRegionUinLimitExceeded": tcretry.Throttled,
		"InternalError":                                     tcretry.Transient,
		"ResourceInUse":                                     tcretry.Busy,
	}
	for _, c := range codes {
		class, retried := want[c.Code]
		if !retried {
			class = tcretry.Terminal
		}
		e := tcretry.Explain(c.Code)
		require.Equal(t, class, e.Class, c.Code)
		require.NotContains(t, e.Reason, "unknown code", "%s has a reason", c.Code)
	}
}

func TestThrottledAndBusyCodesHaveTheClassOfTheirKind(t *testing.T) {
	var vectors struct {
		Codes []struct{ Code, Class string }
	}
	probe.ReadJSON(t, "testdata/vectors/throttle_codes.json", &vectors)
	require.Len(t, vectors.Codes, 67)
	kinds := map[string]tcretry.Class{
		"rate":          tcretry.Throttled,
		"concurrency":   tcretry.Busy,
		"overload":      tcretry.Busy,
		"resource_busy": tcretry.Busy,
		"long_quota":    tcretry.Terminal,
		"duplicate":     tcretry.Terminal,
		"not_rate":      tcretry.Terminal,
	}
	for _, c := range vectors.Codes {
		want := kinds[c.Class]
		if c.Code == "FailedOperation.RequestLimitExceeded30S" {
			want = tcretry.Throttled // a call can wait for a minute
		}
		require.Equal(t, want, tcretry.Explain(c.Code).Class, c.Code)
	}
}

func TestACodeMeansWhatItsLongestKnownPrefixMeans(t *testing.T) {
	long := strings.Repeat(".Long", 20_000)
	for code, want := range map[string]tcretry.Class{
		"InternalError":                  tcretry.Transient,
		"InternalError.":                 tcretry.Transient,
		"InternalError.NoSuchCode":       tcretry.Transient,
		"InternalError.Test":             tcretry.Terminal,
		"InternalError.Test.Sub":         tcretry.Terminal,
		"InternalError.Tested":           tcretry.Transient,
		"InternalErrors":                 tcretry.Terminal,
		"internalerror":                  tcretry.Terminal,
		"RequestLimitExceeded.New":       tcretry.Throttled,
		"ResourceInUse.New.Code":         tcretry.Busy,
		"ResourceBusy":                   tcretry.Busy,
		"ResourceBusy.New":               tcretry.Terminal,
		"FailedOperation":                tcretry.Terminal,
		"FailedOperation.ServerBusy":     tcretry.Busy,
		"FailedOperation.ServerBusy.New": tcretry.Terminal,
		"NoSuchFamily":                   tcretry.Terminal,
		"":                               tcretry.Terminal,
		".":                              tcretry.Terminal,
		"InternalError" + long:           tcretry.Transient,
		"InternalError.Test" + long:      tcretry.Terminal,
		"FailedOperation" + long:         tcretry.Terminal,
	} {
		require.Equal(t, want, tcretry.Explain(code).Class, "%.60s", code)
	}
}

func TestACodeWithAMinimumDelayIsNotRetriedSooner(t *testing.T) {
	const code = "InvalidParameter.OperationIsTooFrequent"
	delays := tcretry.Explain(code).Delays
	require.Equal(t, tcretry.DelayRange{Min: 61 * time.Second, Max: 61500 * time.Millisecond}, delays[0])

	short := tcretry.Policy{MaxDelay: 30 * time.Second}.Explain(code)
	require.Equal(t, 1, short.MaxAttempts)
	require.Equal(t, "no: its minimum delay is 1m0s, and MaxDelay is 30s", short.Retry)

	enough := tcretry.Policy{MaxDelay: time.Minute}.Explain(code)
	require.Equal(t, tcretry.DelayRange{Min: time.Minute, Max: time.Minute}, enough.Delays[0])

	own := tcretry.Policy{Codes: map[string]tcretry.Rule{
		code: {Backoff: tcretry.Backoff{Initial: time.Second, Jitter: tcretry.NoJitter}},
	}}.Explain(code)
	require.Equal(t, tcretry.DelayRange{Min: time.Second, Max: time.Second}, own.Delays[0])
}

// docs/classification.md says how many codes the catalogue has, so that a reader knows what the
// defaults leave to a policy.
func TestThePageCountsTheCodesOfTheCatalogue(t *testing.T) {
	families := map[string]tcretry.Class{
		"RequestLimitExceeded": tcretry.Throttled, "ResourceInUse": tcretry.Busy, "ResourceBusy": tcretry.Busy, "InternalError": tcretry.Transient,
	}
	var terminal, others, moved int
	for _, code := range tcretry.Codes() {
		family, _, _ := strings.Cut(code, ".")
		of, known := families[family]
		switch class := tcretry.Explain(code).Class; {
		case known && class == tcretry.Terminal:
			terminal++
		case known && class != of:
			moved++
		case !known && class != tcretry.Terminal:
			others++
		}
	}
	page, err := os.ReadFile("docs/classification.md")
	require.NoError(t, err)
	require.Contains(t, string(page), fmt.Sprintf("| `InternalError.Test` and %d other documented codes of these families |", terminal-1))
	require.Contains(t, string(page), fmt.Sprintf("| %d documented codes of other families,", others))
	require.Contains(t, string(page), fmt.Sprintf(" and %d of these families that mean another class |", moved))
}

// A product that returns the error of another service may have executed a part of the
// action, and the error may be permanent.
func TestAnErrorOfAnotherServiceIsRetriedForIdempotentRequestsOnly(t *testing.T) {
	wrapped := 0
	for _, row := range readTSV(t, "internal/codes/codes.tsv") {
		if row[1] != "transient-idempotent" {
			continue
		}
		wrapped++
		e := tcretry.Explain(row[0])
		require.Equal(t, tcretry.Transient, e.Class, row[0])
		require.True(t, e.IdempotentOnly, row[0])
		require.Contains(t, e.Reason, "wraps any error of ", row[0])
		require.NotEmpty(t, e.Products, row[0])
	}
	require.Equal(t, 81, wrapped)
	for _, code := range []string{"InternalError.CvmCommon", "InternalError.VpcCommon", "InternalError.VpcCommon.Sub", "CallCvmError"} {
		for action, attempts := range map[string]int{"CreateCluster": 1, "DescribeClusters": 4} {
			require.Equal(t, attempts, attemptsOf(t, tcretry.Policy{}, action, code), "%s %s", action, code)
		}
	}
}

func TestARuleForTheSameCodeRetriesTheErrorOfAnotherService(t *testing.T) {
	transient := tcretry.Rule{Class: tcretry.Transient}
	for key, attempts := range map[string]int{
		"InternalError.CvmCommon":                   4,
		"tke:InternalError.CvmCommon":               4,
		"tke.CreateCluster:InternalError.CvmCommon": 4,
		"InternalError":                             1, // the entry of the catalogue is the more specific
		"cvm:InternalError.CvmCommon":               1,
	} {
		p := tcretry.Policy{Codes: map[string]tcretry.Rule{key: transient}}
		require.Equal(t, attempts, attemptsOf(t, p, "CreateCluster", "InternalError.CvmCommon"), key)
	}
}

// attemptsOf returns how many attempts a call of tke makes if every response has the
// code.
func attemptsOf(t *testing.T, p tcretry.Policy, action, code string) (attempts int) {
	synctest.Test(t, func(t *testing.T) {
		var events probe.Events
		rt := tcretry.New(probe.Always(tctest.Fail(code, "")), tcretry.WithPolicy(p), tcretry.WithHooks(events.Hooks()))
		req := probe.SDKRequest(t, action, nil)
		req.URL.Host, req.Host = "tke.tencentcloudapi.com", ""
		_, err := rt.RoundTrip(req)
		require.NoError(t, err)
		attempts = events.Done[0].Attempts
	})
	return attempts
}
