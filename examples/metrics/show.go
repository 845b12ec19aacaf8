package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// show writes the counters of calls and failures, and the learned rate limits.
func show(w io.Writer, url string) error {
	resp, err := http.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		for _, name := range []string{"tcretry_calls_total", "tcretry_failures_total", "tcretry_ratelimit_limit"} {
			if strings.HasPrefix(lines.Text(), name) {
				fmt.Fprintln(w, lines.Text())
			}
		}
	}
	return nil
}
