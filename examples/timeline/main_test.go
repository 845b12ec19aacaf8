package main

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/tctest"
)

// inMemory reaches an API without a socket, so that time is virtual.
func inMemory(api *tctest.API) (http.RoundTripper, func(), error) { return api, func() {}, nil }

// output is what the program prints and the picture it writes.
func output(t *testing.T, live bool) (printed, picture string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "picture.svg")
	var out bytes.Buffer
	synctest.Test(t, func(t *testing.T) { require.NoError(t, run(&out, live, path, inMemory)) })
	written, err := os.ReadFile(path)
	require.NoError(t, err)
	return out.String(), string(written)
}

func TestWithTcretryNoCallFailsAndFewerRequestsAreRejected(t *testing.T) {
	printed, picture := output(t, false)
	require.Regexp(t, `^without tcretry  36 calls succeed, 14 fail · 140 requests, 100 of them rejected · 7\.\d s
with tcretry     50 calls succeed, 0 fail · \d\d requests, 4\d of them rejected · 5\.\d s
the picture      .*picture.svg, for a browser
$`, printed)
	require.Contains(t, picture, "36 calls succeed, 14 fail · 140 requests, 100 of them rejected · 7.")
}

func TestProgressIsShownWhenAskedForAndLeavesNothing(t *testing.T) {
	printed, _ := output(t, true)
	require.Contains(t, printed, "░ 10/50")
	require.Contains(t, printed, "\r\x1b[Kwithout tcretry  36 calls")
	printed, _ = output(t, false)
	require.NotContains(t, printed, "\r")
}

func TestOnlyATerminalShowsProgress(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	require.NoError(t, err)
	defer f.Close()
	require.False(t, terminal(f))
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	defer w.Close()
	require.False(t, terminal(w))
}

func TestTheLineOfProgressFitsIn80Columns(t *testing.T) {
	require.Less(t, utf8.RuneCountInString(line(newSides())), 80)
}

func TestAPictureThatCannotBeWrittenIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		require.ErrorIs(t, run(&bytes.Buffer{}, false, filepath.Join(t.TempDir(), "none", "picture.svg"), inMemory), os.ErrNotExist)
	})
}

func TestThePictureIsTheREADMEsWhereTheREADMEStartsIt(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	t.Chdir("../..")
	require.FileExists(t, picture())
	require.Contains(t, string(readme), "]("+picture()+")")
	t.Chdir(t.TempDir())
	require.Equal(t, "timeline.svg", picture())
}
