package tctest_test

import (
	"bytes"
	"mime/multipart"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/tctest"
)

// A file of a multipart form that is too large for memory is read into a temporary one.
func TestALargeMultipartFormLeavesNoFile(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	file, err := w.CreateFormFile("File", "image")
	require.NoError(t, err)
	_, err = file.Write(make([]byte, 21<<20))
	require.NoError(t, err)
	require.NoError(t, w.WriteField("ClientToken", "t"))
	require.NoError(t, w.Close())

	req := newRequest(t, "ImportImage", form.String())
	req.Header.Set("Content-Type", w.FormDataContentType())
	api := tctest.NewAPI()
	see(t, api, req)
	require.Equal(t, "t", api.Recorded()[0].ClientToken)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}
