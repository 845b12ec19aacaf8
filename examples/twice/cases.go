package main

import (
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/tcretry/tcretry/tctest"
)

// The requests: a write, the same with a ClientToken and by GET, and a read.
const (
	write  = `{"InstanceCount":1}`
	tagged = `{"InstanceCount":1,"ClientToken":"token-1"}`
	byGET  = "Action=RunInstances&Version=2017-03-12&InstanceCount=1"
	read   = `{}`
)

// failure is the reply to the first attempt. Any other attempt succeeds.
type failure struct {
	name    string
	request string
	reply   tctest.Reply
}

var cases = []failure{
	{"throttles a write", write, tctest.Throttle()},
	{"executes a write, closes the connection", write, tctest.DropAfterExecution()},
	{"executes a write, resets the connection amid the headers", write, tctest.ResetInHeaders()},
	{"executes a write, a gateway returns 502", write, tctest.AfterExecution(tctest.GatewayError(http.StatusBadGateway))},
	{"executes a write, half of the body is received", write, tctest.Truncate(40, tctest.OK(nil))},
	{"executes a write, responds too late", write, tctest.Delay(time.Minute, tctest.OK(nil))},
	{"executes a write by GET, closes the connection", byGET, tctest.DropAfterExecution()},
	{"executes a write with ClientToken, closes the connection", tagged, tctest.DropAfterExecution()},
	{"executes a read, closes the connection", read, tctest.DropAfterExecution()},
}

// count makes the call over a used connection. It returns the number of executions and
// what the program gets.
func (f failure) count(call client) (executions int, gets string, err error) {
	api := tctest.NewAPI(tctest.OK(nil), f.reply)
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
