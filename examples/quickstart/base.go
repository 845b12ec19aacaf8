package main

import (
	"net/http"
	"net/url"
	"time"

	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"
)

// sdkBase is the transport that the SDK makes for itself: WithHttpTransport puts
// another in its place, and its settings are lost unless that has them too.
func sdkBase(p *profile.ClientProfile) *http.Transport {
	base := http.DefaultTransport.(*http.Transport).Clone()
	base.IdleConnTimeout = 30 * time.Second // the API closes idle connections after about 60
	if proxy, err := url.Parse(p.HttpProfile.Proxy); err == nil && proxy.Host != "" {
		base.Proxy = http.ProxyURL(proxy)
	}
	return base
}
