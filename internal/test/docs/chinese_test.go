// Package docs_test checks that the documents in two languages have the same content.
package docs_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = "../../.."

// chinese is how the name of a Chinese page ends: README.zh-CN.md is that of README.md.
const chinese = ".zh-CN.md"

// Every Chinese page has the headings, snippets, tables, links and code of the English
// one, in order. A change of one that is not made in the other fails here.
func TestTheChinesePagesKeepUpWithTheEnglishOnes(t *testing.T) {
	pages := chinesePages(t)
	require.Contains(t, pages, "README"+chinese)
	require.Contains(t, pages, "docs/faq"+chinese)
	for _, name := range pages {
		t.Run(name, func(t *testing.T) {
			require.Empty(t, differences(read(t, english(name)), read(t, name)))
		})
	}
}

// A reader of Chinese stays in Chinese where there is a page.
func TestTheChinesePagesLinkToChinesePages(t *testing.T) {
	pages := chinesePages(t)
	for _, name := range pages {
		for _, target := range read(t, name).links {
			target, _, _ = strings.Cut(target, "#")
			to := path.Join(path.Dir(name), target)
			if to != english(name) && slices.Contains(pages, strings.TrimSuffix(to, ".md")+chinese) {
				require.Failf(t, "not the Chinese page", "%s links to %s", name, to)
			}
		}
	}
}

// The comparison finds each kind of difference, and none where there is none.
func TestEachDifferenceIsFound(t *testing.T) {
	const page = "# A\n\nEnglish | [中文](A.zh-CN.md)\n\n## B\n\n| a | b |\n|---|---|\n| `x` | [y](y.md) |\n\n```go\nf() // why\n```\n"
	const same = "# 甲\n\n[English](A.md) | 中文\n\n## 乙\n\n| 甲 | 乙 |\n|---|---|\n| [丙](y.md) | `x` |\n\n```go\nf() // 原因\n```\n"
	require.Empty(t, differences(parse(page), parse(same)))
	for what, change := range map[string][2]string{
		"headings":    {"## 乙", "### 乙"},
		"fences":      {"f()", "g()"},
		"table rows":  {"| 甲 | 乙 |\n", "| 甲 | 乙 |\n| 丁 | 戊 |\n"},
		"links":       {"(y.md)", "(z.md)"},
		"inline code": {"`x`", "`z`"},
	} {
		changed := strings.Replace(same, change[0], change[1], 1)
		require.NotEqual(t, same, changed, what)
		found := differences(parse(page), parse(changed))
		require.Len(t, found, 1, what)
		require.Contains(t, found[0], what)
	}
}

// english is the name of the English page of a Chinese one.
func english(name string) string { return strings.TrimSuffix(name, chinese) + ".md" }

// chinesePages are the names of all Chinese pages, from the root of the repository.
func chinesePages(t *testing.T) []string {
	var names []string
	require.NoError(t, fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		if entry != nil && entry.IsDir() && (entry.Name() == "node_modules" || name != "." && strings.HasPrefix(entry.Name(), ".")) {
			return fs.SkipDir
		}
		if strings.HasSuffix(name, chinese) {
			names = append(names, name)
		}
		return err
	}))
	return names
}

// page is what both languages have in common.
type page struct {
	headings []string // their levels: "#", "##"
	fences   []string // with the language, without comments
	rows     int      // of all tables
	links    []string
	code     []string // inline, each once
}

func read(t *testing.T, name string) page {
	text, err := os.ReadFile(filepath.Join(root, name))
	require.NoError(t, err)
	return parse(string(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))))
}

var (
	fence   = regexp.MustCompile("(?ms)^```(.*?)^```$")
	comment = regexp.MustCompile(`(?m)[ \t]*(//|#) .*$`)
	heading = regexp.MustCompile(`(?m)^#+ `)
	row     = regexp.MustCompile(`(?m)^\|`)
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	inline  = regexp.MustCompile("`[^`]+`")
)

func parse(text string) page {
	var p page
	for _, f := range fence.FindAllString(text, -1) {
		p.fences = append(p.fences, comment.ReplaceAllString(f, ""))
	}
	text = fence.ReplaceAllString(text, "")
	p.headings = heading.FindAllString(text, -1)
	p.rows = len(row.FindAllString(text, -1))
	for _, match := range link.FindAllStringSubmatch(text, -1) {
		p.links = append(p.links, match[1])
	}
	p.code = inline.FindAllString(text, -1)
	slices.Sort(p.code)
	p.code = slices.Compact(p.code)
	return p
}

// differences returns in what a Chinese page differs from the English one. Links are
// compared in any order, since sentences have another one, and without anchors.
func differences(en, zh page) []string {
	var found []string
	compare := func(what string, en, zh any) {
		if fmt.Sprint(en) != fmt.Sprint(zh) {
			found = append(found, fmt.Sprintf("%s: English %q, Chinese %q", what, en, zh))
		}
	}
	compare("headings", en.headings, zh.headings)
	compare("fences", en.fences, zh.fences)
	compare("table rows", en.rows, zh.rows)
	compare("links", targets(en.links), targets(zh.links))
	compare("inline code", missing(en.code, zh.code), missing(zh.code, en.code))
	return found
}

// targets are the English pages that links lead to, sorted.
func targets(links []string) []string {
	var names []string
	for _, l := range links {
		l, _, _ = strings.Cut(l, "#")
		names = append(names, strings.Replace(l, chinese, ".md", 1))
	}
	slices.Sort(names)
	return names
}

// missing are those of a that are not in b.
func missing(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}
