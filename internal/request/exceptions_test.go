package request_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/request"
)

// Actions that write although their names begin like reads, and their neighbours.
func TestReadOnlyFollowsTheExceptionsOfAService(t *testing.T) {
	for _, c := range []struct {
		service, action string
		want            bool
	}{
		{"tcss", "DescribeExport", true}, // nothing between the words
		{"tcss", "DescribeExportJobResult", true},
		{"tcss", "DescribeXExport", false},
		{"tcss", "DescribeVirusListExport", false},
		{"tcss", "DescribeVulImageExportList", false},
		{"tcss", "DescribeVirusList", true},
		{"tcss", "Describe", true},
		{"tcss", "GetVirusListExport", true},
		{"cvm", "DescribeVirusListExport", true},
		{"", "DescribeVirusListExport", false}, // it may be the one of tcss
		{"vod", "DescribeFileAttributes", false},
		{"vod", "DescribeFileAttributesX", true},
		{"", "DescribeFileAttributes", false},
		{"cvm", "DescribeFileAttributes", true},
		{"", "RunInstances", false},
	} {
		require.Equal(t, c.want, request.ReadOnly(c.service, c.action), "%s %s", c.service, c.action)
	}
}
