package tcretry_test

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tctest"
)

// The answer to an order is lost. Without a token nobody may send it again; with
// one the API executes it once for both attempts.
func ExampleWithClientTokens() {
	for _, opts := range [][]tcretry.Option{nil, {tcretry.WithClientTokens()}} {
		api := tctest.NewAPI(tctest.DropAfterExecution())
		client := &http.Client{Transport: tcretry.New(api, opts...)}
		order, _ := http.NewRequest(http.MethodPost, "https://cvm.tencentcloudapi.com", strings.NewReader(`{"ImageId":"img-1"}`))
		order.Header.Set("Content-Type", "application/json")
		order.Header.Set("X-TC-Action", "RunInstances")
		response, err := client.Do(order)
		if err == nil {
			err = tcretry.CheckResponse(response)
		}
		fmt.Println("known to have worked:", err == nil)
		fmt.Println("attempts:", api.Attempts("RunInstances"), "servers bought:", api.Executions("RunInstances"))
	}
	// Output:
	// known to have worked: false
	// attempts: 1 servers bought: 1
	// known to have worked: true
	// attempts: 2 servers bought: 1
}
