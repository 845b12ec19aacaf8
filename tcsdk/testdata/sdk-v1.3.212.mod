module github.com/tcretry/tcretry/tcsdk

go 1.25.0

replace github.com/tcretry/tcretry => ../

require (
	github.com/stretchr/testify v1.12.1
	github.com/tcretry/tcretry v0.1.0
	github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common v1.3.212
)

require (
	github.com/cenkalti/backoff/v4 v4.3.0 // indirect
	github.com/hashicorp/go-cleanhttp v0.5.2 // indirect
	github.com/hashicorp/go-retryablehttp v0.7.8 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
)
