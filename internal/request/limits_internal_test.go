package request

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A number may be larger than a float64 holds: the token beside it counts, in an
// object that we read and in one that we write.
func TestANumberThatAFloatCannotHoldHidesNoToken(t *testing.T) {
	for _, number := range []string{"1E400", "-1E400", "1e+99999999999999999999", "0." + strings.Repeat("0", 400) + "1", strings.Repeat("9", 400)} {
		for _, object := range []string{
			`{"ClientToken":"t","A":` + number + `}`,
			`{"A":` + number + `,"ClientToken":"t"}`,
			`{"A":[{"B":` + number + `}],"ClientToken":"t"}`,
			`{"":` + number + `,"ClientToken":"t"}`,
		} {
			req, err := http.NewRequest(http.MethodPost, "https://cvm.tencentcloudapi.com/", strings.NewReader(object))
			require.NoError(t, err)
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("X-TC-Action", "RunInstances")
			require.True(t, Idempotent(req, ""), object)
		}
		with, ok := WithClientToken([]byte(`{"":`+number+`}`), "t")
		require.True(t, ok, number)
		require.Equal(t, `{"ClientToken":"t","":`+number+`}`, string(with))
	}
}

// The second word of a name begins with any capital letter, from the first of the
// alphabet to the last.
func TestTheSecondWordOfAReadBeginsWithAnyLetter(t *testing.T) {
	for letter := 'A'; letter <= 'Z'; letter++ {
		require.True(t, ReadOnly("", "Describe"+string(letter)+"ones"), "%c", letter)
	}
	for _, other := range []string{"@", "[", "`", "a", "z", "{", "0", "_", "-"} {
		require.False(t, ReadOnly("", "Describe"+other+"ones"), other)
	}
}
