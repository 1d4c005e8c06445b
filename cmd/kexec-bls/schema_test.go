package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/config"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
)

const schemaDir = "dist/schema"

// documents are what each verb prints with --json where it does not fail.
func documents() map[string][]any {
	every := []any{report.EveryReboot{}}
	return map[string][]any{
		"list": {[]report.Entry{}}, "show": {report.Plan{}}, "check": {report.Check{}}, "status": {report.Status{}},
		"load": {report.Receipt{}, report.Kept{}}, "unload": {report.Unload{}}, "reboot-required": {report.Requirement{}},
		"reboot": {report.Reboot{}, report.Plan{}, report.ScheduleReport{}}, "export": {report.Export{}},
		"initrd ls": {report.Initrd{}}, "initrd merge": {report.Merge{}}, "config": {config.Report{}}, "enable": every, "disable": every,
	}
}

func schemaFile(verb string) string {
	return filepath.Join(schemaDir, strings.ReplaceAll(verb, " ", "-")+".json")
}

// TestSchemasAreThoseOfTheTypes: a key that is new, gone or of another type is in
// the files too.
func TestSchemasAreThoseOfTheTypes(t *testing.T) {
	m := newSchemaMaker(t)
	for verb, values := range documents() {
		var want bytes.Buffer
		e := json.NewEncoder(&want)
		e.SetEscapeHTML(false)
		e.SetIndent("", "\t")
		require.NoError(t, e.Encode(m.document(verb, values...)))
		if *update {
			require.NoError(t, os.WriteFile(schemaFile(verb), want.Bytes(), 0o644))
		}
		got, err := os.ReadFile(schemaFile(verb))
		require.NoError(t, err, "make it with -update")
		assert.Equal(t, want.String(), string(got), "%s; go test -update writes it", verb)
	}
	files, err := filepath.Glob(schemaDir + "/*")
	require.NoError(t, err)
	assert.Len(t, files, len(documents()), "one of each verb")
}

// TestEveryVerbHasASchema, but for those that print no JSON.
func TestEveryVerbHasASchema(t *testing.T) {
	f, _ := newFake(t, nil)
	for _, cmd := range newRoot(&app{environment: f.environment}).Commands() {
		switch name := cmd.Name(); name {
		case "hook", "help", "completion", "initrd":
		default:
			assert.Contains(t, documents(), name)
		}
	}
}

// readSchema reads the schema of a verb's output, and of a failure's. It accepts no
// key that the file does not name.
func readSchema(t *testing.T, verb string) (success, failure []*jsonschema.Schema) {
	t.Helper()
	text, err := os.ReadFile(schemaFile(verb))
	require.NoError(t, err)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	for _, def := range doc.(object)["$defs"].(object) {
		def.(object)["additionalProperties"] = false
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	require.NoError(t, c.AddResource("schema.json", doc))
	whole, err := c.Compile("schema.json")
	require.NoError(t, err, verb)
	last := len(whole.OneOf) - 1
	require.Positive(t, last)
	require.Contains(t, whole.OneOf[last].Ref.Location, "/failure")
	return whole.OneOf[:last], whole.OneOf[last:]
}

// requireValid requires that an output is one value of exactly one of some schemas.
func requireValid(t *testing.T, schemas []*jsonschema.Schema, got answer) {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(got.stdout))
	require.NoError(t, err, "%q %s", got.stdout, got.stderr)
	fits, why := 0, ""
	for _, s := range schemas {
		if err := s.Validate(value); err == nil {
			fits++
		} else {
			why += err.Error() + "\n"
		}
	}
	require.Equal(t, 1, fits, "%s\n%s", got.stdout, why)
}

// TestOutputIsOfItsSchema goes through the verbs, where they succeed and where they
// fail.
func TestOutputIsOfItsSchema(t *testing.T) {
	checked := map[string]bool{}
	for _, c := range schemaCases() {
		t.Run(c.args, func(t *testing.T) {
			f, dir := newFake(t, schemaFiles())
			if c.prepare != nil {
				c.prepare(t, f)
			}
			verb := strings.Fields(c.args)[0]
			if verb == "initrd" {
				verb = strings.Join(strings.Fields(c.args)[:2], " ")
			}
			success, failure := readSchema(t, verb)
			for _, mode := range []string{"short", "pretty"} {
				args := strings.Fields(strings.NewReplacer("ESP", dir, "OUT", filepath.Join(f.dir, "out")).Replace(c.args))
				got := f.run(append(args, "--json="+mode, "--esp-path="+dir)...)
				require.Equal(t, c.code, got.code, got.stderr)
				if c.fails {
					requireValid(t, failure, got)
					checked[verb+", failed"] = true
				} else {
					requireValid(t, success, got)
					checked[verb] = true
				}
			}
		})
	}
	for verb := range documents() {
		assert.True(t, checked[verb], "%s is not among the cases", verb)
		assert.True(t, checked[verb+", failed"], "%s that fails is not among the cases", verb)
	}
}
