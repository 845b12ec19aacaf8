package envelope

import "slices"

// layerCodes are the codes of the API's own layer, which checks a request before a
// product receives it. The layer runs no tasks: its codes are errors of the request
// itself, whatever stands beside them. Other codes of the public list, FailedOperation
// and InvalidParameter among them, are used by products too. Sorted. Source:
// cloud.tencent.com/document/product/213/30435.
var layerCodes = []string{
	"ActionOffline",
	"AuthFailure.InvalidAuthorization",
	"AuthFailure.InvalidSecretId",
	"AuthFailure.MFAFailure",
	"AuthFailure.SecretIdNotFound",
	"AuthFailure.SignatureExpire",
	"AuthFailure.SignatureFailure",
	"AuthFailure.TokenFailure",
	"AuthFailure.UnauthorizedOperation",
	"InvalidAction",
	"InvalidRequest",
	"IpInBlacklist",
	"IpNotInWhitelist",
	"NoSuchProduct",
	"NoSuchVersion",
	"RequestLimitExceeded",
	"RequestLimitExceeded.GlobalRegionUinLimitExceeded",
	"RequestLimitExceeded.IPLimitExceeded",
	"RequestLimitExceeded.UinLimitExceeded",
	"RequestSizeLimitExceeded",
	"ResponseSizeLimitExceeded",
	"UnsupportedProtocol",
	"UnsupportedRegion",
}

// reportsTask reports whether code may be that of a task.
func reportsTask(code string) bool {
	_, found := slices.BinarySearch(layerCodes, code)
	return !found
}

// holdsNothing reports whether a JSON value holds nothing but zero values: null,
// false, 0, "", and objects and arrays of these. Servers that write every field of
// a response, set or not, write them beside an error. It reads value once, up to the
// first value that is not zero.
func holdsNothing(value []byte) bool {
	for at := 0; at < len(value); {
		start := at
		switch value[at] {
		case '{', '}', '[', ']', ',', ':', ' ', '\t', '\n', '\r':
			at++
		case '"':
			if at = stringEnd(value, at); at < 0 {
				return false
			}
			next := skipSpace(value, at)
			key := next < len(value) && value[next] == ':'
			if !key && at-start > len(`""`) {
				return false
			}
		default:
			if at = scalarEnd(value, at); at < 0 {
				at = len(value)
			}
			if !isZeroScalar(value[start:at]) {
				return false
			}
		}
	}
	return true
}

// isZeroScalar reports whether a JSON number, or null, false or true, is a zero value.
func isZeroScalar(scalar []byte) bool {
	switch string(scalar) {
	case "null", "false":
		return true
	case "true":
		return false
	}
	for _, c := range scalar {
		switch {
		case c == 'e' || c == 'E':
			return true
		case '1' <= c && c <= '9':
			return false
		}
	}
	return true
}
