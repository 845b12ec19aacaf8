package main

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"
	cvm "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/cvm/v20170312"

	"github.com/tcretry/tcretry"
)

// sdkClient makes the official SDK's client of the cvm product. Its own retries
// are off, as they are by default.
func sdkClient(server string, transport http.RoundTripper) (*cvm.Client, error) {
	p := profile.NewClientProfile()
	// Only because the API of this program is not the real one.
	p.HttpProfile.Scheme, p.HttpProfile.Endpoint, _ = strings.Cut(server, "://")
	client, err := cvm.NewClient(common.NewCredential("an-id", "a-key"), "ap-guangzhou", p)
	if err != nil {
		return nil, err
	}
	client.WithHttpTransport(transport)
	return client, nil
}

func describeZones(server string, transport http.RoundTripper) (string, error) {
	client, err := sdkClient(server, transport)
	if err != nil {
		return "", err
	}
	response, err := client.DescribeZones(cvm.NewDescribeZonesRequest())
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d zones", *response.Response.TotalCount), nil
}

func runInstances(server string, transport http.RoundTripper) (string, error) {
	client, err := sdkClient(server, transport)
	if err != nil {
		return "", err
	}
	request := cvm.NewRunInstancesRequest()
	request.ImageId = common.StringPtr("img-1")
	response, err := client.RunInstances(request)
	if err != nil {
		return "", err
	}
	return "server " + *response.Response.InstanceIdSet[0], nil
}

// startInstances needs no SDK. The response to a failed call also has status 200:
// CheckResponse returns the API error.
func startInstances(server string, transport http.RoundTripper) (string, error) {
	request, err := http.NewRequest(http.MethodPost, server, strings.NewReader(`{"InstanceIds":["ins-1"]}`))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-TC-Action", "StartInstances")
	request.Header.Set("X-TC-Version", "2017-03-12")
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if err := tcretry.CheckResponse(response); err != nil {
		return "", err
	}
	return "started", nil
}
