package main

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	sdkerrors "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/errors"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"
	cvm "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/cvm/v20170312"
)

const secretID, secretKey = "an-id", "a-key"

// result is what became of the calls of a program.
type result struct {
	succeeded, failed int
	err               error // one that is no throttling
}

func (r result) String() string { return fmt.Sprintf("%d succeed, %d fail", r.succeeded, r.failed) }

// callAtOnce is a program that uses the SDK as it is: it makes calls at once, each
// without a retry of its own.
func callAtOnce(way func(*profile.HttpProfile), calls int) result {
	p := profile.NewClientProfile()
	way(p.HttpProfile)
	client, err := cvm.NewClient(common.NewCredential(secretID, secretKey), "ap-guangzhou", p)
	if err != nil {
		return result{err: err}
	}
	var (
		all sync.WaitGroup
		mu  sync.Mutex
		r   result // guarded by mu
	)
	for range calls {
		all.Go(func() {
			_, err := client.DescribeZones(cvm.NewDescribeZonesRequest())
			mu.Lock()
			defer mu.Unlock()
			var refused *sdkerrors.TencentCloudSDKError
			switch {
			case err == nil:
				r.succeeded++
			case errors.As(err, &refused) && strings.HasPrefix(refused.Code, "RequestLimitExceeded"):
				r.failed++
			default:
				r.failed++
				r.err = err
			}
		})
	}
	all.Wait()
	return r
}
