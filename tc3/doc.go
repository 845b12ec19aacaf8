// Package tc3 signs requests to Tencent Cloud API 3.0.
package tc3
