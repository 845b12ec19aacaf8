package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"

	"github.com/redis/go-redis/v9"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tcredis"
)

// variable holds the job of a process that this program starts.
const variable = "EXAMPLE_REPLICAS_JOB"

// job is what one process does. Redis is "" for a rate limiter of its own.
type job struct {
	API, Redis     string
	Callers, Calls int
}

func jobOfProcess() (j job, ok bool) {
	return j, json.Unmarshal([]byte(os.Getenv(variable)), &j) == nil
}

// start runs this program again with a job, until it or ctx ends.
func start(ctx context.Context, j job) (r result) {
	text, _ := json.Marshal(j) // strings and numbers
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), variable+"="+string(text)), os.Stderr
	out, err := cmd.Output()
	if r.err = err; err == nil {
		_, r.err = fmt.Sscan(string(out), &r.commands, &r.failed)
	}
	return r
}

// run makes the calls of one process. It prints the number of commands that it sent and
// of calls that failed.
func (j job) run() error {
	var (
		commands     counter
		opts         []tcretry.Option
		left, failed atomic.Int64
		all          sync.WaitGroup
	)
	if j.Redis != "" {
		client := redis.NewClient(&redis.Options{Addr: j.Redis})
		defer client.Close()
		client.AddHook(&commands)
		limiter, err := tcredis.New(client)
		if err != nil {
			return err
		}
		opts = append(opts, tcretry.WithRateLimiter(limiter)) // all that a program has to change
	}
	client := &http.Client{Transport: tcretry.New(nil, opts...)}
	left.Store(int64(j.Calls))
	errs := make([]error, j.Callers)
	for i := range j.Callers {
		all.Go(func() {
			for errs[i] == nil && left.Add(-1) >= 0 {
				errs[i] = call(client, j.API, &failed)
			}
		})
	}
	all.Wait()
	fmt.Println(commands.n.Load(), failed.Load())
	return errors.Join(errs...)
}
