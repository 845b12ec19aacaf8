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

func TestWithTcretryNoCallFailsAndFewerRequestsAreThrottled(t *testing.T) {
	printed, picture := output(t, false)
	require.Regexp(t, `^without tcretry  36 calls succeed, 14 fail · 140 requests, 100 of them throttled · 7\.\d s
with tcretry     50 calls succeed, 0 fail · \d\d requests, 4\d of them throttled · 5\.\d s
the picture      .*picture.svg, for a browser
$`, printed)
	require.Contains(t, picture, "36 calls succeed, 14 fail · 140 requests, 100 of them throttled · 7.")
}

func TestProgressIsShownIfLiveAndErased(t *testing.T) {
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

// Started in the root of the repository, as in CONTRIBUTING, the program does not change
// the picture of the README or any other file there.
func TestWithoutAFileToWriteNoneOfTheRepositoryIsWritten(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	const picture = "examples/timeline/timeline.svg"
	require.Contains(t, string(readme), "]("+picture+")")
	contributing, err := os.ReadFile("../../CONTRIBUTING.md")
	require.NoError(t, err)
	require.Contains(t, string(contributing), "\ngo run ./examples/timeline -o "+picture+"\n")
	require.Contains(t, source, "go run ./examples/timeline -o "+picture)

	root, temporary := t.TempDir(), t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(root, filepath.Dir(picture)), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, picture), []byte("old"), 0o644))
	t.Chdir(root)
	t.Setenv("TMPDIR", temporary)
	t.Setenv("TMP", temporary)
	var out bytes.Buffer
	synctest.Test(t, func(t *testing.T) { require.NoError(t, run(&out, false, "", inMemory)) })
	old, err := os.ReadFile(picture)
	require.NoError(t, err)
	require.Equal(t, "old", string(old))
	files, err := filepath.Glob("*")
	require.NoError(t, err)
	require.Equal(t, []string{"examples"}, files)
	written, err := filepath.Glob(filepath.Join(temporary, "timeline-*.svg"))
	require.NoError(t, err)
	require.Len(t, written, 1)
	require.Contains(t, out.String(), written[0], "it prints the path")
}

// The README states about the picture: no call fails over tcretry, and after the first
// second hardly any request exceeds the rate limit.
func TestAfterTheFirstSecondHardlyAnyRequestIsThrottled(t *testing.T) {
	for range 20 {
		sides, _ := drawn(t)
		late := 0
		for _, sec := range sides[1].seconds()[1:] {
			late += sec.rejected
		}
		require.LessOrEqual(t, late, 4)
		require.Contains(t, sides[1].totals(), " 0 fail ")
	}
}
