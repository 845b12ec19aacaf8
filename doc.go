// Package tcretry is a drop-in http.RoundTripper that reads the answers of
// Tencent Cloud API 3.0, knows which failures pass, and repeats only those.
package tcretry
