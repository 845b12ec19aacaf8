package main

import (
	"io"
	"net/http"

	"github.com/tcretry/tcretry"
)

// outcome reads the response and describes it.
func outcome(response *http.Response, err error) string {
	if err != nil {
		return "error"
	}
	defer response.Body.Close()
	if tcretry.CheckResponse(response) != nil {
		return "throttled"
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return "half, error"
	}
	if response.StatusCode != http.StatusOK {
		return response.Status
	}
	return "success"
}
