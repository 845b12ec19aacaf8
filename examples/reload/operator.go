package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
)

// operate writes the file as an operator does, and sends the signal. A real one
// writes another file and renames it, so that no reader sees half of it.
func operate(w io.Writer, file, text string) error {
	fmt.Fprintf(w, "\n$ echo '%s' >policy.json && kill -HUP server\n", text)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		return err
	}
	return self.Signal(syscall.SIGHUP)
}

// call makes a call to the API.
func call(client *http.Client) {
	if response, err := client.Do(request()); err == nil {
		response.Body.Close()
	}
}

func request() *http.Request {
	r, _ := http.NewRequest(http.MethodPost, "https://cvm.tencentcloudapi.com", strings.NewReader("{}"))
	r.Header.Set("X-TC-Action", "DescribeInstances")
	return r
}
