package main

import (
	"fmt"
	"testing"

	"github.com/tcretry/tcretry/bench/scene"
)

// replicaCounts are the numbers of replicas of the table.
var replicaCounts = []int{1, 3, 10, 50}

const (
	callersPerReplica = 5
	replicaCalls      = 2000
)

// replicas returns the table of replicas that share one limit, with and without Redis.
func (b *bench) replicas() string {
	b.printf("Made by `go run ./bench -replicas -seeds %d`: %d calls of all replicas together against a limit of 20/s in fixed windows, "+
		"%d callers per replica, each call after the other. Throttled attempts and failed calls are in %% of the calls; "+
		"*longest* is the longest call of all seeds, the other figures are means.\n\n", b.seeds, replicaCalls, callersPerReplica)
	b.printf("| replicas | alone: completion | throttled | failed | longest | with Redis: completion | throttled | failed | longest |\n" +
		"|---|---|---|---|---|---|---|---|---|\n")
	for _, n := range replicaCounts {
		q := scene.RateLimit{Processes: n, Callers: callersPerReplica * n, Calls: replicaCalls}
		b.printf("| %d ", n)
		b.printf("%s", replicaCells(play(b, fmt.Sprint(n, " replicas"), b.seeds, func(t *testing.T, seed uint64) scene.RateLimitResult {
			return q.Play(t, tcretryDefaults, seed)
		})))
		b.printf("%s|\n", replicaCells(play(b, fmt.Sprint(n, " replicas with Redis"), b.seeds, func(t *testing.T, seed uint64) scene.RateLimitResult {
			return q.Play(t, scene.Tcredis(t, "tcredis", replicaCalls), seed)
		})))
	}
	return b.text.String()
}

func replicaCells(r rateLimitResults) string {
	longest := r.of(func(q scene.RateLimitResult) float64 { return q.Longest.Seconds() }).max()
	return fmt.Sprintf("%s| %.0f s ", threeCells(r), longest)
}
