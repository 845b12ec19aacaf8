package tc3_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/tcretry/tcretry/tc3"
)

// describe makes the request of the examples, as a program without an SDK does.
func describe() *http.Request {
	req, err := http.NewRequest(http.MethodPost, "https://cvm.tencentcloudapi.com/", strings.NewReader(`{"Limit":1}`))
	if err != nil {
		panic(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-TC-Action", "DescribeInstances")
	req.Header.Set("X-TC-Version", "2017-03-12")
	req.Header.Set("X-TC-Region", "ap-guangzhou")
	return req
}

// A client that signs. The base is a fake here; leave it out for the real API.
func ExampleTransport() {
	fake := baseFunc(func(req *http.Request) (*http.Response, error) {
		credential, _, _ := strings.Cut(req.Header.Get("Authorization"), "/")
		fmt.Println(credential)
		fmt.Println(req.Header.Get("X-TC-Timestamp") != "")
		return newResponse("", ""), req.Body.Close()
	})
	client := &http.Client{Transport: &tc3.Transport{
		Source: tc3.Static(tc3.Credentials{SecretID: "AKIDEXAMPLE", SecretKey: "SKEXAMPLE"}),
		Base:   fake,
	}}
	resp, err := client.Do(describe())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	fmt.Println(string(body), err)
	// Output:
	// TC3-HMAC-SHA256 Credential=AKIDEXAMPLE
	// true
	// {"Response":{"RequestId":"r-1"}} <nil>
}

// A clock that is ten minutes behind: the first call takes two attempts, the
// others one.
func ExampleTransport_clock() {
	creds := tc3.Credentials{SecretID: "AKIDEXAMPLE", SecretKey: "SKEXAMPLE"}
	fake := &api{accepts: creds, ahead: 10 * time.Minute}
	client := &http.Client{Transport: &tc3.Transport{Source: tc3.Static(creds), Base: fake}}
	for range 3 {
		resp, err := client.Do(describe())
		if err != nil {
			fmt.Println(err)
			return
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		fmt.Println(string(body), fake.attempts.Load())
	}
	// Output:
	// {"Response":{"RequestId":"r-1"}} 2
	// {"Response":{"RequestId":"r-1"}} 3
	// {"Response":{"RequestId":"r-1"}} 4
}

// Temporary credentials of a service that takes its time.
func ExampleRefreshing() {
	assumeRole := func(context.Context) (tc3.Credentials, error) {
		fmt.Println("called STS")
		return tc3.Credentials{
			SecretID: "AKIDEXAMPLE", SecretKey: "SKEXAMPLE", Token: "TOKENEXAMPLE", Expires: time.Now().Add(2 * time.Hour),
		}, nil
	}
	source := &tc3.Refreshing{Source: tc3.SourceFunc(assumeRole)}
	for range 3 {
		creds, err := source.Credentials(context.Background())
		fmt.Println(creds.SecretID, err)
	}
	// Output:
	// called STS
	// AKIDEXAMPLE <nil>
	// AKIDEXAMPLE <nil>
	// AKIDEXAMPLE <nil>
}

// Credentials of the program's own, then the environment, then the profile.
func ExampleChain() {
	vault := tc3.SourceFunc(func(context.Context) (tc3.Credentials, error) {
		return tc3.Credentials{}, tc3.ErrNoCredentials // the chain goes on
	})
	own := tc3.Static(tc3.Credentials{SecretID: "AKIDEXAMPLE", SecretKey: "SKEXAMPLE"})
	creds, err := append(tc3.Chain{vault, own}, tc3.DefaultCredentials()...).Credentials(context.Background())
	fmt.Println(creds.SecretID, err)
	// Output: AKIDEXAMPLE <nil>
}

// Secrets stay out of logs, whoever prints the credentials.
func ExampleCredentials() {
	creds := tc3.Credentials{SecretID: "AKIDEXAMPLE", SecretKey: "SKEXAMPLE"}
	fmt.Printf("%+v\n", creds)
	// Output: tc3.Credentials{SecretID:"AKIDEXAMPLE", SecretKey:"REDACTED", Token:"", Expires:""}
}

// The computation alone, with the example of the API's documentation.
func ExampleSign() {
	signature := tc3.Sign(
		tc3.Credentials{SecretID: "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE", SecretKey: "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE"},
		tc3.SignInput{
			Method:      "GET",
			Query:       "Limit=10&Offset=0",
			Headers:     map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Host": "cvm.tencentcloudapi.com"},
			PayloadHash: tc3.HashPayload(nil),
			Service:     "cvm",
			Timestamp:   1539084154,
		},
	)
	fmt.Println(signature.Scope)
	fmt.Println(signature.Value)
	// Output:
	// 2018-10-09/cvm/tc3_request
	// 5da7a33f6993f0614b047e5df4582db9e9bf4672ba50567dba16c6ccf174c474
}

// A URL without the action in a header is what v1 clients send.
func ExampleRequestError() {
	req, err := http.NewRequest(http.MethodGet, "https://cvm.tencentcloudapi.com/?Action=DescribeZones", nil)
	if err != nil {
		panic(err)
	}
	_, err = new(tc3.Transport).RoundTrip(req)
	fmt.Println(err)
	// Output: tcretry: tc3: the request cannot be signed: it needs exactly one X-TC-Action, one X-TC-Version
}
