package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const root = "../.."

// read decodes a YAML file of the repository.
func read(t *testing.T, name string, into any) {
	t.Helper()
	require.NoError(t, yaml.Unmarshal([]byte(get(t, root, name)), into), name)
}

func TestDependabotWatchesEveryModule(t *testing.T) {
	var config struct {
		Updates []struct {
			Ecosystem   string   `yaml:"package-ecosystem"`
			Directories []string `yaml:"directories"`
		} `yaml:"updates"`
	}
	read(t, ".github/dependabot.yml", &config)
	var watched, modules []string
	for _, u := range config.Updates {
		if u.Ecosystem == "gomod" {
			watched = append(watched, u.Directories...)
		}
	}
	r, err := load(root)
	require.NoError(t, err)
	for _, m := range r.mods {
		if m.isModule() {
			modules = append(modules, "/"+strings.TrimPrefix(m.dir(), "."))
		}
	}
	require.ElementsMatch(t, modules, watched)
}

// The steps of the workflow, all jobs together, are those of .ci/run.
func TestTheWorkflowRunsEveryStepOnceAndTheTestsOnBothGoReleases(t *testing.T) {
	var workflow struct {
		Jobs map[string]struct {
			Strategy struct {
				Matrix struct {
					Go []string `yaml:"go"`
				} `yaml:"matrix"`
			} `yaml:"strategy"`
			Steps []struct {
				Run string `yaml:"run"`
			} `yaml:"steps"`
		} `yaml:"jobs"`
	}
	read(t, ".github/workflows/ci.yml", &workflow)
	var steps []string
	for _, job := range workflow.Jobs {
		for _, s := range job.Steps {
			if names, ok := strings.CutPrefix(s.Run, ".ci/run "); ok {
				steps = append(steps, strings.Fields(names)...)
			}
		}
	}
	list := regexp.MustCompile(`readonly steps=\((.*)\)`).FindStringSubmatch(get(t, root, ".ci/run"))
	require.NotNil(t, list)
	require.ElementsMatch(t, strings.Fields(list[1]), steps)
	require.Equal(t, []string{"oldstable", "stable"}, workflow.Jobs["test"].Strategy.Matrix.Go)
}

// field is an input of an issue form.
type field struct {
	Type        string         `yaml:"type"`
	ID          string         `yaml:"id"`
	Validations map[string]any `yaml:"validations"`
	Attributes  struct {
		Render  string   `yaml:"render"`
		Options []string `yaml:"options"`
	} `yaml:"attributes"`
}

func TestEveryIssueFormHasTheSameFieldsInBothLanguages(t *testing.T) {
	const dir = ".github/ISSUE_TEMPLATE"
	chinese, err := filepath.Glob(filepath.Join(root, dir, "*.zh-CN.yml"))
	require.NoError(t, err)
	names := map[string]bool{}
	for _, name := range chinese {
		name = strings.TrimSuffix(filepath.Base(name), ".zh-CN.yml")
		names[name] = true
		require.Equal(t, outline(t, dir+"/"+name+".yml"), outline(t, dir+"/"+name+".zh-CN.yml"), name)
	}
	require.Equal(t, []string{"bug", "unlisted-error-code"}, slices.Sorted(maps.Keys(names)))
	all, err := os.ReadDir(filepath.Join(root, dir))
	require.NoError(t, err)
	require.Len(t, all, 2*len(names)+1) // and config.yml
}

// outline is what a form has in any language.
func outline(t *testing.T, name string) (lines []string) {
	var form struct {
		Name        string   `yaml:"name"`
		Description string   `yaml:"description"`
		Labels      []string `yaml:"labels"`
		Body        []field  `yaml:"body"`
	}
	read(t, name, &form)
	require.NotEmpty(t, form.Name)
	require.NotEmpty(t, form.Description)
	lines = append(lines, form.Labels...)
	class := regexp.MustCompile(`[(（]([a-z]+)[)）]`)
	for _, f := range form.Body {
		lines = append(lines, fmt.Sprint(f.Type, " ", f.ID, " ", f.Validations, " ", f.Attributes.Render))
		for _, o := range f.Attributes.Options {
			lines = append(lines, class.FindStringSubmatch(o)[1])
		}
	}
	return lines
}
