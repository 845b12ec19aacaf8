package budget_test

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/budget"
	"github.com/tcretry/tcretry/tctest"
)

// In an outage the retry budget ends the retries of all calls together: a hundred calls,
// one after the other, would make three hundred retries without it.
func ExampleTokens() {
	api := tctest.NewAPI()
	api.Default(tctest.Fail("InternalError", "An internal error has occurred."))
	retries := &budget.Tokens{MaxDefer: time.Millisecond} // the default, 5 s, suits a service
	client := &http.Client{Transport: tcretry.New(api, tcretry.WithBudget(retries), tcretry.WithPolicy(tcretry.Policy{
		Codes: map[string]tcretry.Rule{"InternalError": {Backoff: tcretry.Backoff{Initial: time.Microsecond, Max: time.Microsecond}}},
	}))}

	for range 100 {
		req, err := http.NewRequest(http.MethodPost, "https://cvm.tencentcloudapi.com/", strings.NewReader("{}"))
		if err != nil {
			fmt.Println(err)
			return
		}
		req.Header.Set("X-TC-Action", "DescribeInstances")
		if resp, err := client.Do(req); err == nil {
			resp.Body.Close()
		}
	}
	fmt.Println("less than one retry in five calls:", api.Attempts("")-100 < 20)
	for _, host := range retries.States() {
		fmt.Println(host.Host, "circuit open:", host.Open)
	}
	// Output:
	// less than one retry in five calls: true
	// cvm.tencentcloudapi.com circuit open: true
}
