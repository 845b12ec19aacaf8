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

// Processes that have the same Redis and the same account share its quotas.
func ExampleNew() {
	server, err := miniredis.Run() // in a program: the Redis of the fleet
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer client.Close()

	pacer, err := tcredis.New(client)
	if err != nil {
		fmt.Println(err)
		return
	}
	transport := tcretry.New(tctest.NewAPI(), tcretry.WithRateLimiter(pacer)) // in a program: nil for the API
	fmt.Println(call(&http.Client{Transport: transport}))
	// Output: <nil>
}

// A quota that the documentation of an action tells need not be learnt.
func ExampleWithLimits() {
	quotas := map[string]int{"DescribeInstances": 40, "RunInstances": 10}
	client := redis.NewClient(&redis.Options{Addr: "redis:6379"})
	defer client.Close()
	_, err := tcredis.New(client,
		tcredis.WithLimits(func(key ratelimit.Key) int { return quotas[key.Action] }))
	fmt.Println(err)
	// Output: <nil>
}
