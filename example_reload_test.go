package tcretry_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tctest"
)

// Hot reload of a policy file: call loadPolicy at the start, on SIGHUP, or whenever the
// file changes. Calls in progress keep their policy, and an invalid file changes nothing.
func ExampleTransport_SetPolicy_hotReload() {
	api := always(tctest.Fail("InternalError", ""))
	transport := tcretry.New(api)
	loadPolicy := func(name string) error {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		policy, err := tcretry.ParsePolicy(file)
		if err != nil {
			return err
		}
		return transport.SetPolicy(policy)
	}

	dir, err := os.MkdirTemp("", "policy")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "policy.json")
	for _, text := range []string{`{"maxAttempts": 1}`, `{"maxAttempts": 2}`, `{"maxAttempts": -1}`} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			fmt.Println(err)
			return
		}
		err := loadPolicy(name)
		before := api.Attempts("")
		if resp, err := transport.RoundTrip(newRequest("DescribeInstances", `{}`)); err == nil {
			resp.Body.Close()
		}
		fmt.Println(api.Attempts("")-before, "attempts", err)
	}
	// Output:
	// 1 attempts <nil>
	// 2 attempts <nil>
	// 2 attempts tcretry: policy: maxAttempts: -1: want 0, which means the default, or more
}
