package label_test

import (
	"fmt"

	"github.com/tcretry/tcretry/label"
)

func ExampleLimiter() {
	actions := label.Limiter{Max: 2}
	for _, action := range []string{"DescribeZones", "DescribeImages", "DescribeDisks", "DescribeZones"} {
		fmt.Println(actions.Label(action))
	}
	// Output:
	// DescribeZones
	// DescribeImages
	// other
	// DescribeZones
}
