//go:build !race

package tcredis_test

const raceDetector = false
