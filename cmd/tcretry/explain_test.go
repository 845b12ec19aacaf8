package main

import (
	"errors"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// perSecond is the API's text of a limit per second.
const perSecond = "您当前每秒请求 `6` 次，超过了每秒频率上限 `5`，请稍后重试。"

// first returns the first line that explain prints for a text as its argument.
func first(t *testing.T, text string) string {
	t.Helper()
	code, out, errs := command("", "explain", text)
	require.Equal(t, exitOK, code, "%s: %s", text, errs)
	line, _, _ := cut(out)
	return line
}

func TestExplainTakesACodeAsItIsFound(t *testing.T) {
	for text, want := range map[string]string{
		"cvm:InternalError":           "cvm:InternalError: transient",
		"LimitExceeded":               "LimitExceeded: terminal",
		"LimitExceeded: " + perSecond: "LimitExceeded: throttled",
		"[TencentCloudSDKError] Code=LimitExceeded, Message=" + perSecond + ", RequestId=8f7d":          "LimitExceeded: throttled",
		"[TencentCloudSDKError] Code=LimitExceeded, Message=no more `6` of `5`, RequestId=8f7d":         "LimitExceeded: terminal",
		`{"Response":{"Error":{"Code":"LimitExceeded","Message":"` + perSecond + `"},"RequestId":"1"}}`: "LimitExceeded: throttled",
		`{"Response":{"Error":{"Code":"NoSuchCode","Message":"unexpected EOF"},"RequestId":"1"}}`:       "NoSuchCode: terminal",
		"CVM:InternalError":              "cvm:InternalError: transient",
		"cvm.InternalError":              "cvm:InternalError: transient",
		"cvm.RunInstances:InternalError": "cvm.RunInstances:InternalError: transient",
		"tke.InternalError.CvmCommon":    "tke:InternalError.CvmCommon: transient",
		"InternalError.Test":             "InternalError.Test: terminal",
		`"ResourceInUse",`:               "ResourceInUse: busy",
		"4400":                           "4400: throttled",
		"429":                            "429: throttled",
		"502":                            "502: ambiguous",
		"EOF":                            "EOF: ambiguous",
		"connection refused":             "connection refused: transient",
		`[TencentCloudSDKError] Code=ResourceInUse, Message=in use, RequestId=8f7d`:          "ResourceInUse: busy",
		"[TencentCloudSDKException] code:RequestLimitExceeded message:slow down requestId:1": "RequestLimitExceeded: throttled",
		`level=WARN msg="terminal error" response.code=InternalError.Test attempts=1`:        "InternalError.Test: terminal",
		`{"Response":{"Error":{"Code":"InternalError","Message":"m"},"RequestId":"1"}}`:      "InternalError: transient",
		`{"Response":{"InstanceIdSet":["i"],"RequestId":"1"}}`:                               "200: success",
		`{"code":4400,"message":"m"}`:                                   "4400: throttled",
		`{"code":4400,"codeDesc":"InternalError","message":"m"}`:        "InternalError: transient",
		`body: {\"Response\":{\"Error\":{\"Code\":\"ResourceInUse\"}}}`: "ResourceInUse: busy",
		`{"Response":{"Error":{"Code":"InternalError","Mess`:            "InternalError: transient",
		`Post "https://cvm.tencentcloudapi.com/": EOF`:                  "EOF: ambiguous",
		"dial tcp: lookup cvm.tencentcloudapi.com: no such host":        "no such host: transient",
	} {
		require.Equal(t, want, first(t, text), text)
	}
}

func TestExplainSuggestsTheCodeThatWasMeant(t *testing.T) {
	for _, text := range []string{"internalerror", "Internalerror", "cvm:InternalErorr"} {
		_, out, _ := command("", "explain", text)
		require.Regexp(t, `did you mean +InternalError\n`, out, text)
	}
}

func TestExplainReadsTheStandardInput(t *testing.T) {
	for _, args := range [][]string{{"explain"}, {"explain", "-"}} {
		code, out, _ := command("{\n \"Response\": {\"Error\": {\"Code\": \"ResourceInUse\", \"Message\": \"m\"}}\n}\n{\"code\": 4400}\n", args...)
		require.Equal(t, exitOK, code)
		require.Regexp(t, `(?s)^ResourceInUse: busy\n.*\n4400: throttled\n`, out)

		_, out, _ = command("InternalError\n\n  EOF\n", args...)
		require.Regexp(t, `(?s)^InternalError: transient\n.*\nEOF: ambiguous\n`, out)
	}
	code := run([]string{"explain"}, iotest.ErrReader(errors.New("broken")), &discarded{}, &discarded{})
	require.Equal(t, exitFinding, code)
	code, _, errs := command(" \n", "explain")
	require.Equal(t, exitUsage, code)
	require.Contains(t, errs, "want a code")
}
