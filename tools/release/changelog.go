package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"golang.org/x/mod/semver"
)

const (
	unreleased = "## [Unreleased]"
	repoURL    = "https://github.com/tcretry/tcretry"
)

var (
	releaseHeading = regexp.MustCompile(`(?m)^## \[(\d+\.\d+\.\d+[^\]]*)\]`)
	versionLink    = regexp.MustCompile(`(?m)^\[(Unreleased|\d+\.\d+\.\d+[^\]]*)\]: .*\n?`)
)

// lastRelease is the version of the newest release in a changelog, or "".
func lastRelease(changelog string) string {
	m := releaseHeading.FindStringSubmatch(changelog)
	if m == nil {
		return ""
	}
	return "v" + m[1]
}

// released returns a changelog whose unreleased entries are those of a version,
// under an Unreleased section without entries, and whose versions are links.
func released(changelog, version string, day time.Time) (string, error) {
	last := lastRelease(changelog)
	if last != "" && semver.Compare(version, last) <= 0 {
		return "", fmt.Errorf("CHANGELOG.md has %s already: %s is not above it", last, version)
	}
	changelog = versionLink.ReplaceAllString(changelog, "")
	before, rest, found := strings.Cut("\n"+changelog, "\n"+unreleased+"\n")
	if !found {
		return "", errors.New("CHANGELOG.md has no line " + unreleased)
	}
	entries := rest
	if next := releaseHeading.FindStringIndex(rest); next != nil {
		entries = rest[:next[0]]
	}
	if !strings.Contains("\n"+entries, "\n- ") {
		return "", errors.New("CHANGELOG.md has no entry under " + unreleased)
	}
	heading := fmt.Sprintf("## [%s] - %s", version[1:], day.Format(time.DateOnly))
	text := strings.TrimPrefix(before, "\n") + "\n" + unreleased + "\n\n" + heading + "\n" + rest
	return strings.TrimRight(text, "\n") + "\n\n" + links(text), nil
}

// links has a line for each version of a changelog: what changed since the one
// before, and for the first one the release.
func links(changelog string) string {
	versions := releaseHeading.FindAllStringSubmatch(changelog, -1)
	var b strings.Builder
	fmt.Fprintf(&b, "[Unreleased]: %s/compare/v%s...HEAD\n", repoURL, versions[0][1])
	for i, v := range versions {
		if i+1 < len(versions) {
			fmt.Fprintf(&b, "[%s]: %s/compare/v%s...v%[1]s\n", v[1], repoURL, versions[i+1][1])
		} else {
			fmt.Fprintf(&b, "[%s]: %s/releases/tag/v%[1]s\n", v[1], repoURL)
		}
	}
	return b.String()
}
