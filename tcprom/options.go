package tcprom

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
)

// Options say how a [Collector] names and bounds its metrics. The zero Options
// consist of defaults.
type Options struct {
	// Namespace is the prefix of every name; "" means "tcretry". The dashboard and
	// the alerts assume the default.
	Namespace string
	// ConstLabels are added to every metric: they keep Collectors of one registry
	// apart. None by default.
	ConstLabels prometheus.Labels
	// DurationBuckets are the upper bounds, in seconds, of call_duration_seconds
	// and call_wait_seconds, rising; nil means 13 from 10 ms to the 2 minutes that
	// a call may take by default.
	DurationBuckets []float64
	// AttemptBuckets are those of call_attempts; nil means 1, 2, 3, 4, 6, 8, 12, 16.
	AttemptBuckets []float64
	// MaxTargets is how many combinations of service, action and region get
	// series of their own; 0 means 200. Later ones have the action and the region "other".
	MaxTargets int
	// MaxFailures is how many combinations of class, code and status a target has
	// in failures_total; 0 means 50. Later ones have family, code and status
	// "other".
	MaxFailures int
}

// The defaults. A target has up to 50 series without its failures, a target with
// failures rarely more than a dozen of these: 200 targets stay below what one
// process should bring to a Prometheus, some ten thousand.
const (
	defaultNamespace   = "tcretry"
	defaultMaxTargets  = 200
	defaultMaxFailures = 50
)

var (
	defaultDurationBuckets = []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120}
	defaultAttemptBuckets  = []float64{1, 2, 3, 4, 6, 8, 12, 16}
)

// ownLabels are those of the metrics, which constant labels must not duplicate.
var ownLabels = []string{
	"service", "action", "region", "class", "family", "code", "status", "stop_reason", "kind", "transport", "host", "mode",
	"le", "quantile",
}

// validName is what every Prometheus takes as the name of a label, and as a part
// of that of a metric.
var validName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// validate returns all invalid options, joined, or nil.
func (o Options) validate() error {
	var errs []error
	wrong := func(field string, value any, why string) {
		errs = append(errs, fmt.Errorf("tcprom: Options.%s is %v: %s", field, value, why))
	}
	if o.Namespace != "" && !validName.MatchString(o.Namespace) {
		wrong("Namespace", fmt.Sprintf("%q", o.Namespace), "it must be letters, digits and _, the first one no digit")
	}
	for _, name := range slices.Sorted(maps.Keys(o.ConstLabels)) {
		switch {
		case slices.Contains(ownLabels, name):
			wrong("ConstLabels", fmt.Sprintf("%q", name), "the metrics have a label of that name")
		case !validName.MatchString(name) || strings.HasPrefix(name, "__"):
			wrong("ConstLabels", fmt.Sprintf("%q", name), "it is no name of a label")
		case !utf8.ValidString(o.ConstLabels[name]):
			wrong("ConstLabels", fmt.Sprintf("%q", o.ConstLabels[name]), "it is not valid UTF-8")
		}
	}
	if !rising(o.DurationBuckets) {
		wrong("DurationBuckets", o.DurationBuckets, "each must be above the one before")
	}
	if !rising(o.AttemptBuckets) {
		wrong("AttemptBuckets", o.AttemptBuckets, "each must be above the one before")
	}
	if o.MaxTargets < 0 {
		wrong("MaxTargets", o.MaxTargets, "it must not be negative")
	}
	if o.MaxFailures < 0 {
		wrong("MaxFailures", o.MaxFailures, "it must not be negative")
	}
	return errors.Join(errs...)
}

// rising is false for NaN too.
func rising(bounds []float64) bool {
	last := math.Inf(-1)
	for _, b := range bounds {
		if !(b > last) {
			return false
		}
		last = b
	}
	return true
}
