package main

import (
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/tcretry/tcretry/tctest"
)

// The requests: an order, the same with a ClientToken and by GET, and a read.
const (
	order  = `{"InstanceCount":1}`
	tagged = `{"InstanceCount":1,"ClientToken":"order-1"}`
	byGET  = "Action=RunInstances&Version=2017-03-12&InstanceCount=1"
	read   = `{}`
)

// failure is what the API does with a request at first. Asked again, it succeeds.
type failure struct {
	name    string
	request string
	answer  tctest.Reply
}

var cases = []failure{
	{"throttles an order", order, tctest.Throttle()},
	{"executes an order, closes the connection", order, tctest.DropAfterExecution()},
	{"executes an order, resets the connection amid the headers", order, tctest.ResetInHeaders()},
	{"executes an order, a gateway says 502", order, tctest.AfterExecution(tctest.GatewayError(http.StatusBadGateway))},
	{"executes an order, half of the body comes", order, tctest.Truncate(40, tctest.OK(nil))},
	{"executes an order, answers too late", order, tctest.Delay(time.Minute, tctest.OK(nil))},
	{"executes an order by GET, closes the connection", byGET, tctest.DropAfterExecution()},
	{"executes an order with ClientToken, closes the connection", tagged, tctest.DropAfterExecution()},
	{"executes a read, closes the connection", read, tctest.DropAfterExecution()},
}

// count makes the call over a connection that was used before, and returns how
// often it was executed and what the program gets.
func (f failure) count(call client) (executions int, gets string, err error) {
	api := tctest.NewAPI(tctest.OK(nil), f.answer)
	server, err := api.Serve()
	if err != nil {
		return 0, "", err
	}
	defer server.Close()
	action := "RunInstances"
	if f.request == read {
		action = "DescribeInstances"
	}
	for _, request := range [][2]string{{"DescribeRegions", read}, {action, f.request}} {
		request, err := newRequest(server.URL, request[0], request[1])
		if err != nil {
			return 0, "", err
		}
		gets = outcome(call(request))
	}
	return api.Executions(action), gets, nil
}

func newRequest(url, action, params string) (*http.Request, error) {
	method, body := http.MethodPost, io.Reader(strings.NewReader(params))
	if params == byGET {
		method, url, body = http.MethodGet, url+"/?"+params, nil
	}
	request, err := http.NewRequest(method, url, body)
	if err == nil && params != byGET {
		request.Header.Set("X-TC-Action", action)
		request.Header.Set("Content-Type", "application/json")
	}
	if err == nil {
		request.Host = "cvm.tencentcloudapi.com"
	}
	return request, err
}
