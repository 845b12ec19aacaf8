package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// tree makes a repository with a workspace of one module and some files more:
// pairs of a name and a content, in which ' stands for a backquote.
func tree(t *testing.T, files ...string) string {
	t.Helper()
	root := t.TempDir()
	files = append([]string{
		"go.work", "go 1.25.0\n\nuse .\n",
		"go.mod", "module example.com/own\n\ngo 1.25.0\n",
		"own.go", "package own\n\nimport (\n\t\"net/http\"\n\t_ \"fmt\"\n)\n\n// Client is a client.\ntype Client = http.Client\n",
		"use/use.go", "package use\n\nimport (\n\t\"fmt\"\n\n\t\"example.com/own\"\n)\n\nfunc _() { fmt.Println(own.Client{}) }\n",
	}, files...)
	for i := 0; i < len(files); i += 2 {
		name := filepath.Join(root, files[i])
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o777))
		require.NoError(t, os.WriteFile(name, []byte(strings.ReplaceAll(files[i+1], "'", "`")), 0o666))
	}
	out, err := exec.Command("git", "-C", root, "init", "-q").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return root
}

func docs(root string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run([]string{"-root", root}, &out, &err)
	return code, out.String(), err.String()
}

const good = `# Title

'''go
package main

func main() {}
'''

'''go
package own_test

import "testing"

func TestX(t *testing.T) { t.Log() }
'''

Declarations, statements whose variables stay unused, a value, and imports of its own:

'''go
func show(c *own.Client) { fmt.Println(c) }
'''

'''go
client, err := own.Client{}, error(nil)
var also int
'''

'''go
own.Client{Timeout: 1}
'''

'''go
import (
	"fmt"
	web "net/http"
)

client := &web.Client{}
fmt.Println(client)
'''

- <!-- snippet: var client *own.Client -->
  '''go
  client.CloseIdleConnections()
  '''

'''json
{not: compiled}
'''
`

func TestEverySnippetThatCompilesPasses(t *testing.T) {
	code, stdout, stderr := docs(tree(t, "README.md", good, "docs/a.md", good, "CHANGELOG.md", "'''go\nold()\n'''\n"))
	require.Equal(t, 0, code, stderr)
	require.Contains(t, stdout, "14 Go snippets, 4 of them whole files\n")
}

func TestEverySnippetThatDoesNotCompileFailsAtItsLine(t *testing.T) {
	for snippet, want := range map[string]string{
		"client.Do()":                              "README.md:4: undefined: client",
		"x := 1\nown.Nothing(x)":                   "README.md:5: undefined: own.Nothing",
		"func f() {\n\treturn 1\n}":                "README.md:5: too many return values",
		"if x {":                                   "README.md:6: expected '}'",
		"package main\n\nfunc f() {}":              "function main is undeclared in the main package",
		"package main\n\nfunc main() { x := 1 }":   "README.md:6: declared and not used: x",
		"package p\n\nimport \"example.com/no/x\"": "no required module provides package example.com/no/x",
		"own.Client{Nothing: 1}":                   "README.md:4: unknown field Nothing",
		"import \"fmt\"\n\nx := 1":                 "README.md:4: \"fmt\" imported and not used",
		"fmt.Printf(\"%d\", \"text\")":             "README.md:4:",
		"package p\n\nimport \"testing\"\n\nfunc TestX(t *testing.T) { t.Nothing() }": "README.md:8:",
	} {
		code, _, stderr := docs(tree(t, "README.md", "# Title\n\n'''go\n"+snippet+"\n'''\n"))
		require.Equal(t, 1, code, snippet)
		require.Contains(t, stderr, want, snippet)
	}
}

func TestACommentThatIsNotDirectlyAboveASnippetFails(t *testing.T) {
	code, _, stderr := docs(tree(t, "README.md", "# Title\n\n<!-- snippet: var x int -->\n\nText.\n\n'''go\nvar y int\n'''\n"))
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "README.md:3: the comment is not directly above a snippet")
}

func TestEveryLinkThatResolvesPasses(t *testing.T) {
	code, stdout, stderr := docs(tree(
		t,
		"README.md", `# What it does, and 'why'

## Again

## Again

## 错误码 and [a link](own.go)

<a id="here"></a>

[a](#what-it-does-and-why) [b](#again) [c](#again-1) [d](#错误码-and-a-link) [e](#here) [f](docs/b.md#b) [g](docs)
[h](own.go#L1-L2) [i][label] [j](https://example.com/nothing) ![k](use/use.go) 'x[0][1]' <mailto:a@example.com>
[l](https://github.com/tcretry/tcretry/blob/main/docs/b.md#b)

<img src="own.go" alt="">

| a |
|---|
| [m](docs/b.md) |

[label]: docs/b.md "Title"

'''text
[not](a-link)
'''
`,
		"docs/b.md", "B\n=\n\n[up](../README.md#again) [file](../own.go)\n",
	))
	require.Equal(t, 0, code, stderr)
	require.Contains(t, stdout, "2 documents, 16 links into the repository\n")
}

func TestEveryDeadLinkFails(t *testing.T) {
	for link, want := range map[string]string{
		"[a](nothing.md)":                "README.md:5: link to nothing.md: no such file in the repository",
		"![a](nothing.svg)":              "link to nothing.svg: no such file in the repository",
		"[a](#nothing)":                  "link to #nothing: no heading of README.md has the anchor #nothing",
		"[a](docs/b.md#nothing)":         "no heading of docs/b.md has the anchor #nothing",
		"[a](#Title)":                    "no heading of README.md has the anchor #Title",
		"[a](../outside.md)":             "no such file in the repository",
		"[a](/own.go)":                   "write it relative to the document",
		"[a](own.go#nothing)":            "own.go has no headings",
		"[a](own.go#L99)":                "own.go has 9 lines",
		"[a][nothing]":                   "README.md:5: link [a][nothing]: no line defines that label",
		"[a][]":                          "link [a][]: no line defines that label",
		"<img src=\"nothing.svg\">":      "link to nothing.svg: no such file in the repository",
		"| a |\n|---|\n| [a](nothing) |": "link to nothing: no such file in the repository",
		"[a](https://github.com/tcretry/tcretry/blob/main/nothing.md)": "nothing.md: no such file in the repository",
	} {
		code, _, stderr := docs(tree(t, "README.md", "# Title\n\nText.\n\n"+link+"\n", "docs/b.md", "# B\n"))
		require.Equal(t, 1, code, link)
		require.Contains(t, stderr, want, link)
	}
}

func TestAnAnchorIsNamedByTheRulesOfGitHub(t *testing.T) {
	for heading, anchor := range map[string]string{
		"What it costs":           "what-it-costs",
		"Is `X_y` retried? (FAQ)": "is-x_y-retried-faq",
		"v1.2 – 3":                "v12--3",
		"什么是 “限频”？":               "什么是-限频",
		"*Bold* & co.":            "bold--co",
	} {
		d := tree(t, "README.md", "# "+strings.ReplaceAll(heading, "`", "'")+"\n")
		r, err := load(d)
		require.NoError(t, err)
		require.Equal(t, map[string]bool{anchor: true}, r.documents["README.md"].anchors(), heading)
	}
}
