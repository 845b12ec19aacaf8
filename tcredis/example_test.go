package tcredis_test

import (
	"fmt"
	"net/http"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/ratelimit"
	"github.com/tcretry/tcretry/tcredis"
	"github.com/tcretry/tcretry/tctest"
)

// Processes with the same Redis and the same account share its limits.
func ExampleNew() {
	server, err := miniredis.Run() // in a program: the Redis that the processes share
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer client.Close()

	limiter, err := tcredis.New(client)
	if err != nil {
		fmt.Println(err)
		return
	}
	transport := tcretry.New(tctest.NewAPI(), tcretry.WithRateLimiter(limiter)) // in a program: nil for the API
	fmt.Println(call(&http.Client{Transport: transport}))
	// Output: <nil>
}

// A documented rate limit that is configured need not be learned.
func ExampleWithLimits() {
	limits := map[string]int{"DescribeInstances": 40, "RunInstances": 10}
	client := redis.NewClient(&redis.Options{Addr: "redis:6379"})
	defer client.Close()
	_, err := tcredis.New(client,
		tcredis.WithLimits(func(key ratelimit.Key) int { return limits[key.Action] }))
	fmt.Println(err)
	// Output: <nil>
}
