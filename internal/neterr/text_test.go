package neterr_test

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/neterr"
)

const signed = "https://cvm.tencentcloudapi.com/?SecretId=AKIDEXAMPLE&Signature=c2ln"

// reworded is an error that formats the address of another one in its own way.
type reworded struct{ located *url.Error }

func (e reworded) Error() string { return "at <" + e.located.URL + ">: " + e.located.Err.Error() }
func (e reworded) Unwrap() error { return e.located }

// circular is an error that wraps itself.
type circular struct{}

func (circular) Error() string { return "circular" }
func (circular) Unwrap() error { return circular{} }

// joined is an error that joins itself.
type joined struct{}

func (joined) Error() string   { return "joined" }
func (joined) Unwrap() []error { return []error{joined{}} }

// hostile is an error whose methods panic.
type hostile struct{ unwrapOnly bool }

func (h hostile) Error() string {
	if h.unwrapOnly {
		return "hostile"
	}
	panic("theirs")
}
func (hostile) Unwrap() error { panic("theirs") }

func TestText_HasNoAddress(t *testing.T) {
	located := &url.Error{Op: "Get", URL: signed, Err: io.ErrUnexpectedEOF}
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"no address":     {io.EOF, "EOF"},
		"located":        {located, "unexpected EOF"},
		"wrapped":        {fmt.Errorf("mine: %w", located), "mine: unexpected EOF"},
		"twice":          {&url.Error{Op: "Post", URL: signed, Err: located}, `Get "…": unexpected EOF`},
		"joined":         {errors.Join(errors.New("a"), located), "a\nunexpected EOF"},
		"two of one":     {fmt.Errorf("%w and %w", io.EOF, located), "EOF and unexpected EOF"},
		"reworded":       {reworded{located}, "at <…>: unexpected EOF"},
		"without an URL": {&url.Error{Op: "Get", Err: io.EOF}, "EOF"},
		"nil in an URL":  {(*url.Error)(nil), "<nil>"},
		"nil":            {nil, "<nil>"},
		"circular":       {circular{}, "circular"},
		"joins itself":   {joined{}, "joined"},
		"panics":         {hostile{unwrapOnly: true}, "hostile"},
	} {
		require.Equal(t, c.want, neterr.Text(c.err), name)
	}
	require.Contains(t, neterr.Text(hostile{}), "PANIC")
}

// Addresses are removed however an error is wrapped, and below as many wrappers as anybody
// makes.
func TestText_HasNoAddressOfAnErrorThatIsWrappedManyTimes(t *testing.T) {
	for name, wrap := range map[string]func(error) error{
		"wrapped": func(err error) error { return fmt.Errorf("%w", err) },
		"joined":  func(err error) error { return errors.Join(err) },
	} {
		var err error = &url.Error{Op: "Get", URL: signed, Err: io.EOF}
		for times := range 32 {
			require.Equal(t, "EOF", neterr.Text(err), "%s %d times", name, times)
			err = wrap(err)
		}
	}
}
