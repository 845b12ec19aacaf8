package tcretry

import (
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// schemaOf returns the JSON Schema of a policy: the fields are those of the JSON types,
// their descriptions the doc comments of the exported types, and the limits those of
// Validate.
func schemaOf(t *testing.T) map[string]any {
	docs := fieldDocs(t, "policy.go")
	object := func(of reflect.Type, doc string) map[string]any {
		fields := map[string]any{}
		for i := range of.NumField() {
			name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
			field, known := fieldSchemas[name]
			require.True(t, known, "no schema for %s", name)
			described := map[string]any{"description": docs[doc+"."+of.Field(i).Name]}
			require.NotEmpty(t, described["description"], "%s.%s", doc, of.Field(i).Name)
			for k, v := range field {
				described[k] = v
			}
			fields[name] = described
		}
		return map[string]any{"type": "object", "additionalProperties": false, "properties": fields}
	}
	schema := object(reflect.TypeFor[policyJSON](), "Policy")
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["$id"] = "https://raw.githubusercontent.com/tcretry/tcretry/main/policy.schema.json"
	schema["title"] = "Policy of tcretry"
	schema["description"] = docs["Policy"]
	schema["properties"].(map[string]any)["$schema"] = map[string]any{"type": "string", "description": "The address of this schema, for editors."}
	rule, delays := object(reflect.TypeFor[ruleJSON](), "Rule"), object(reflect.TypeFor[backoffJSON](), "Backoff")
	rule["description"], delays["description"] = docs["Rule"], docs["Backoff"]
	schema["$defs"] = map[string]any{
		"rule": rule, "backoff": delays,
		"duration": map[string]any{
			"type": "string", "examples": []string{"500ms", "2s", "1m30s"},
			"pattern": `^\+?(0|(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$`,
		},
	}
	return schema
}

// fieldSchemas are the limits of the fields in JSON, by name.
var fieldSchemas = map[string]map[string]any{
	"maxAttempts":    {"type": "integer", "minimum": 0},
	"maxElapsed":     {"$ref": "#/$defs/duration"},
	"maxDelay":       {"$ref": "#/$defs/duration"},
	"class":          {"enum": classNames[Success:]},
	"idempotentOnly": {"type": "boolean"},
	"rateLimit":      {"type": "boolean"},
	"backoff":        {"$ref": "#/$defs/backoff"},
	"initial":        {"$ref": "#/$defs/duration"},
	"max":            {"$ref": "#/$defs/duration"},
	"multiplier":     {"type": "number", "anyOf": []any{map[string]any{"const": 0}, map[string]any{"minimum": 1, "maximum": maxMultiplier}}},
	"jitter": {
		"type": "number", "minimum": 0, "maximum": 1,
		"description": "Jitter is the random part of a delay, from 0, which means none, to 1.",
	},
	"limits": {
		"type":                 "object",
		"propertyNames":        map[string]any{"pattern": `^[a-z0-9_-]+(\.[A-Za-z0-9_-]+)?$`},
		"additionalProperties": map[string]any{"type": "integer", "minimum": 1, "maximum": maxRateLimit},
	},
	"codes": {
		"type":                 "object",
		"propertyNames":        map[string]any{"pattern": `^([a-z0-9_-]+(\.[A-Za-z0-9_-]+)?:)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`},
		"additionalProperties": map[string]any{"$ref": "#/$defs/rule"},
	},
}

// fieldDocs returns the doc comments of the types of a file, "Policy", and of their
// fields, "Policy.MaxDelay", as one paragraph each.
func fieldDocs(t *testing.T, path string) map[string]string {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
	require.NoError(t, err)
	docs := map[string]string{}
	text := func(c *ast.CommentGroup) string {
		paragraph, _, _ := strings.Cut(c.Text(), "\n\n")
		return strings.NewReplacer("\n", " ", "[", "", "]", "").Replace(strings.TrimSpace(paragraph))
	}
	ast.Inspect(file, func(n ast.Node) bool {
		decl, ok := n.(*ast.GenDecl)
		if !ok || decl.Tok != token.TYPE {
			return true
		}
		spec := decl.Specs[0].(*ast.TypeSpec)
		docs[spec.Name.Name] = text(decl.Doc)
		if s, ok := spec.Type.(*ast.StructType); ok {
			for _, f := range s.Fields.List {
				for _, name := range f.Names {
					docs[spec.Name.Name+"."+name.Name] = text(f.Doc)
				}
			}
		}
		return false
	})
	return docs
}

// policy.schema.json is the file for editors: go test -run TestTheSchema -update
// rewrites it after a change of the types or of their comments.
func TestTheSchemaIsThatOfTheTypes(t *testing.T) {
	want, err := json.MarshalIndent(schemaOf(t), "", "  ")
	require.NoError(t, err)
	want = append(want, '\n')
	if flag.Lookup("update").Value.String() == "true" {
		require.NoError(t, os.WriteFile("policy.schema.json", want, 0o644))
		return // the embedded file is the old one
	}
	require.Equal(t, string(want), PolicySchema())
}
