package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/loader"
)

// A schemaMaker makes JSON Schema of Go types: what they are comes from the types,
// what they mean from their comments.
type schemaMaker struct {
	t        *testing.T
	comments map[string]string // by "package.Type.Field"
	defs     object
	types    map[string]reflect.Type
}

func newSchemaMaker(t *testing.T) *schemaMaker {
	m := &schemaMaker{t: t, comments: map[string]string{}}
	for _, dir := range []string{"internal/report", "internal/config", "../../loader", "../../loader/state", "../../loader/internal/finding", "../../loader/internal/stamp"} {
		files, err := filepath.Glob(dir + "/*.go")
		require.NoError(t, err)
		require.NotEmpty(t, files, dir)
		for _, file := range files {
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
			require.NoError(t, err)
			ast.Inspect(parsed, func(n ast.Node) bool { return m.comment(parsed.Name.Name, n) })
		}
	}
	return m
}

// comment takes the comments of the fields of a struct.
func (m *schemaMaker) comment(pkg string, n ast.Node) bool {
	spec, ok := n.(*ast.TypeSpec)
	if !ok {
		return true
	}
	if fields, ok := spec.Type.(*ast.StructType); ok {
		for _, field := range fields.Fields.List {
			text := field.Doc.Text() + field.Comment.Text()
			if len(field.Names) == 1 && text != "" {
				name := field.Names[0].Name
				text = strings.TrimPrefix(strings.TrimPrefix(strings.Join(strings.Fields(text), " "), name+" is "), name+" are ")
				m.comments[pkg+"."+spec.Name.Name+"."+name] = text
			}
		}
	}
	return false
}

// enums are the values of types, and of fields that are plain strings.
func enums() map[string][]string {
	return map[string][]string{
		"Severity": {"error", "warning", "info"}, "State": {"none", "fresh", "stale", "foreign"},
		"ReasonID": {"file-changed", "file-added", "entry-changed", "default-changed", "modules-gone", "load-interrupted", "kernel-release", "kernel-build",
			"parameter-added", "parameter-removed", "trial-failed", "unknown"},
		"report.Reboot.Way":     {"kexec", "firmware", "cancelled"},
		"report.Trial.Outcome":  {"pending", "succeeded", "panicked", "hung", "unhealthy", "interrupted"},
		"state.Volume.Source":   {"esp", "xbootldr"},
		"state.Request.Syscall": {"file", "classic"},
	}
}

// document is the schema of a verb's output, which is one of some values or a
// failure.
func (m *schemaMaker) document(verb string, values ...any) object {
	m.defs, m.types = object{}, map[string]reflect.Type{}
	one := []any{}
	for _, v := range append(values, report.Failure{}) {
		one = append(one, m.of(reflect.TypeOf(v), ""))
	}
	return object{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "kexec-bls " + verb + " --json", "oneOf": one, "$defs": m.defs,
	}
}

// of is the schema of a type; field names where it is, for enums.
func (m *schemaMaker) of(t reflect.Type, field string) object {
	values := enums()[field]
	if values == nil {
		values = enums()[t.Name()]
	}
	switch {
	case values != nil:
		return object{"enum": values}
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[loader.Text]():
		return object{"type": "string"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return m.of(t.Elem(), field)
	case reflect.Slice:
		return object{"type": "array", "items": m.of(t.Elem(), "")}
	case reflect.Struct:
		return m.ref(t)
	case reflect.Interface:
		return object{}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.String:
		return object{"type": "string"}
	default:
		return object{"type": "integer"}
	}
}

// ref defines a struct and refers to it.
func (m *schemaMaker) ref(t reflect.Type) object {
	name := strings.ToLower(t.Name()[:1]) + t.Name()[1:]
	if m.types[name] == nil {
		m.types[name] = t
		properties, required := object{}, []string{}
		def := object{"type": "object", "properties": properties}
		m.defs[name] = def
		m.fields(t, properties, &required)
		def["required"] = required
	}
	require.Equal(m.t, m.types[name], t, "two types of one name")
	return object{"$ref": "#/$defs/" + name}
}

// fields adds those of a struct, and of what it embeds unless its own hide them.
func (m *schemaMaker) fields(t reflect.Type, properties object, required *[]string) {
	for i := range t.NumField() {
		if f := t.Field(i); !f.Anonymous && f.IsExported() {
			m.field(t, f, properties, required)
		}
	}
	for i := range t.NumField() {
		if f := t.Field(i); f.Anonymous {
			embedded := f.Type
			if embedded.Kind() == reflect.Pointer {
				embedded = embedded.Elem()
			}
			m.fields(embedded, properties, required)
		}
	}
	maps.DeleteFunc(properties, func(_ string, s any) bool { return s == nil })
}

func (m *schemaMaker) field(t reflect.Type, f reflect.StructField, properties object, required *[]string) {
	name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	if _, hidden := properties[name]; hidden {
		return
	}
	if f.Type == reflect.TypeFor[*struct{}]() { // it hides a name, and is never there
		properties[name] = nil
		return
	}
	key := path.Base(t.PkgPath()) + "." + t.Name() + "." + f.Name
	s, omitted := m.of(f.Type, key), strings.HasPrefix(options, "omit")
	switch null := f.Type.Kind() == reflect.Pointer || key == "report.Entry.Addons"; {
	case name == "schema" && t != reflect.TypeFor[loader.Receipt]():
		s = object{"const": report.Schema}
	case null && !omitted:
		s = object{"anyOf": []any{s, object{"type": "null"}}}
	}
	if text := m.comments[key]; text != "" {
		s["description"] = strings.NewReplacer("nil for", "absent for", "nil where", "absent where").Replace(text)
	}
	properties[name] = s
	if !omitted {
		*required = append(*required, name)
	}
}
