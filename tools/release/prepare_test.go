package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var day = time.Date(2026, time.January, 2, 0, 0, 0, 0, time.UTC)

func TestPrepareWritesTheVersionIntoEveryGoModAndTheChangelog(t *testing.T) {
	root := tree(t, "tcotel/testdata/old.mod", small["tcotel/go.mod"])
	var out strings.Builder
	require.NoError(t, prepare(root, "v0.2.0", day, &out))

	goMod := strings.Replace(small["tcotel/go.mod"], "v0.1.0", "v0.2.0", 1)
	require.Equal(t, goMod, get(t, root, "tcotel/go.mod"))
	require.Equal(t, goMod, get(t, root, "tcotel/testdata/old.mod"))
	require.Equal(t, small["go.mod"], get(t, root, "go.mod"))
	require.Contains(t, get(t, root, "CHANGELOG.md"), "## [0.2.0] - 2026-01-02\n")
	require.Contains(t, out.String(), "for tag in v0.2.0 tcotel/v0.2.0; do")
}

func TestPrepareReportsEveryMistakeAndChangesNothing(t *testing.T) {
	root := tree(t, "CHANGELOG.md", "# Changelog\n\n## [Unreleased]\n\n## [0.1.0] - 2026-01-01\n\n- **API** `New`.\n")
	commit(t, root, "v0.1.0")
	for version, wrong := range map[string][]string{
		"v0.1.0":   {"there is a tag for it", "CHANGELOG.md has v0.1.0 already"},
		"v0.0.9":   {"the first one is v0.1.0", "v0.0.9 is not above it"},
		"0.2.0":    {`version "0.2.0" is not of the form v0.1.0`},
		"v2.0.0":   {`version "v2.0.0" is not of the form`},
		"v0.2":     {`version "v0.2" is not of the form`},
		"v0.2.0":   {"CHANGELOG.md has no entry under ## [Unreleased]"},
		"v0.2.0+b": {`version "v0.2.0+b" is not of the form`},
	} {
		err := prepare(root, version, day, nil)
		for _, mistake := range wrong {
			require.ErrorContains(t, err, mistake, version)
		}
		require.Equal(t, small["tcotel/go.mod"], get(t, root, "tcotel/go.mod"))
	}
}

func TestTheUnreleasedSectionBecomesThatOfTheReleaseWithLinks(t *testing.T) {
	first, err := released("# Changelog\n\nForm.\n\n## [Unreleased]\n\n### Added\n\n- **API** `New`.\n", "v0.1.0", day)
	require.NoError(t, err)
	require.Equal(t, `# Changelog

Form.

## [Unreleased]

## [0.1.0] - 2026-01-02

### Added

- **API** `+"`New`"+`.

[Unreleased]: https://github.com/tcretry/tcretry/compare/v0.1.0...HEAD
[0.1.0]: https://github.com/tcretry/tcretry/releases/tag/v0.1.0
`, first)
	require.Equal(t, "v0.1.0", lastRelease(first))

	second, err := released(strings.Replace(first, "[Unreleased]\n", "[Unreleased]\n\n- **Bug** One.\n", 1), "v0.2.0-rc.1", day)
	require.NoError(t, err)
	require.Contains(t, second, "## [Unreleased]\n\n## [0.2.0-rc.1] - 2026-01-02\n\n- **Bug** One.\n\n## [0.1.0] - 2026-01-02\n")
	require.True(t, strings.HasSuffix(second, `- **API** `+"`New`"+`.

[Unreleased]: https://github.com/tcretry/tcretry/compare/v0.2.0-rc.1...HEAD
[0.2.0-rc.1]: https://github.com/tcretry/tcretry/compare/v0.1.0...v0.2.0-rc.1
[0.1.0]: https://github.com/tcretry/tcretry/releases/tag/v0.1.0
`), second)
}

func TestAChangelogWithoutAnUnreleasedSectionIsAnError(t *testing.T) {
	_, err := released("# Changelog\n", "v0.1.0", day)
	require.EqualError(t, err, "CHANGELOG.md has no line ## [Unreleased]")
}

func TestTheLastReleaseIsTheHighestTagThatIsNotAboveTheVersion(t *testing.T) {
	tags := []string{"v0.1.0", "v0.10.0", "v0.2.0", "v0.11.0", "v1", "vendor"}
	require.Equal(t, "v0.10.0", lastTag(tags, "v0.10.1"))
	require.Equal(t, "v0.10.0", lastTag(tags, "v0.10.0"))
	require.Empty(t, lastTag(tags, "v0.1.0-rc.1"))
	require.Equal(t, "v1.3.0", nextMinor("v1.2.3"))
	require.Equal(t, "v0.11.0", nextMinor("v0.10.0-rc.1"))
}
