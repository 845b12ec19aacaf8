package codes_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/codes"
)

func TestParseKey_AcceptsWhatStringReturns(t *testing.T) {
	for text, want := range map[string]codes.Key{
		"InternalError":                       {Code: "InternalError"},
		"InternalError.Test_1-a":              {Code: "InternalError.Test_1-a"},
		"cvm:InternalError":                   {Service: "cvm", Code: "InternalError"},
		"cvm.RunInstances:InternalError.Test": {Service: "cvm", Action: "RunInstances", Code: "InternalError.Test"},
	} {
		key, err := codes.ParseKey(text)
		require.NoError(t, err, text)
		require.Equal(t, want, key)
		require.Equal(t, text, key.String())
	}
}

func TestParseKey_RejectsWithWhatIsAccepted(t *testing.T) {
	for text, want := range map[string]string{
		"": "want a code", "InternalError.": "want a code", ".Test": "want a code", "Internal Error": "want a code", "InternalError.*": "want a code", "cvm:": "want a code",
		":InternalError": "want a service", "CVM:InternalError": "want a service", "cvm.:InternalError": "want a service", "cvm.Run.X:InternalError": "want a service",
	} {
		key, err := codes.ParseKey(text)
		require.ErrorContains(t, err, want, text)
		require.Zero(t, key)
	}
}

func TestKey_CoversItsScopeAndSubCodes(t *testing.T) {
	for text, want := range map[string]bool{
		"InternalError": true, "InternalError.Test": true, "cvm:InternalError": true, "cvm.RunInstances:InternalError": true,
		"InternalError.Test.More": false, "InternalErr": false, "InternalError.Te": false, "vpc:InternalError": false, "cvm.StopInstances:InternalError": false,
	} {
		key, err := codes.ParseKey(text)
		require.NoError(t, err)
		require.Equal(t, want, key.Covers("cvm", "RunInstances", "InternalError.Test"), text)
	}
}

func TestKey_ComparesFromTheMostSpecific(t *testing.T) {
	sorted := []string{"InternalError.Test", "cvm.RunInstances:InternalError", "cvm:InternalError", "InternalError", "cvm.RunInstances:InternalErr"}
	var keys []codes.Key
	for _, text := range sorted {
		key, err := codes.ParseKey(text)
		require.NoError(t, err)
		keys = append(keys, key)
	}
	slices.Reverse(keys)
	slices.SortFunc(keys, codes.Key.Compare)
	for i, key := range keys {
		require.Equal(t, sorted[i], key.String())
	}
}
