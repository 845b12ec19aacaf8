package tcretry_test

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tctest"
)

// Requests to a gateway of one's own that signs what it forwards have no mark by
// which they are known as requests to the API.
func ExampleWithScope() {
	api := tctest.NewAPI()
	api.Default(tctest.Fail("InternalError", "try again"))
	scope := func(req *http.Request) bool {
		return tcretry.IsAPIRequest(req) || req.URL.Host == "gateway.local"
	}
	for name, rt := range map[string]*tcretry.Transport{
		"default": tcretry.New(api, tcretry.WithPolicy(soon)),
		"widened": tcretry.New(api, tcretry.WithPolicy(soon), tcretry.WithScope(scope)),
	} {
		req, err := http.NewRequest(http.MethodPost, "http://gateway.local/cvm/DescribeZones", strings.NewReader(`{}`))
		if err != nil {
			fmt.Println(err)
			return
		}
		before := len(api.Recorded())
		resp, err := rt.RoundTrip(req)
		if err != nil {
			fmt.Println(err)
			return
		}
		resp.Body.Close()
		fmt.Println(name, len(api.Recorded())-before)
	}
	// Unordered output:
	// default 1
	// widened 4
}
