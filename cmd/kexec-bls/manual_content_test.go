package main

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/config"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/preflight"
)

func TestManualHasEveryExitStatus(t *testing.T) {
	used := map[string]bool{}
	for _, number := range inSources(t, `(?m)^\s*exit[A-Z]\w+\s+= (\d+)`) {
		used[number] = true
	}
	require.Len(t, used, 10)
	for _, i := range readManual(t, "kexec-bls.8") {
		if i.section == "EXIT STATUS" {
			assert.True(t, used[i.head], i.head)
			delete(used, i.head)
		}
	}
	assert.Empty(t, used)
}

// inSources finds the first group of a pattern in the program's sources, and
// those of what it imports.
func inSources(t *testing.T, pattern string) []string {
	var found []string
	for _, glob := range []string{"*.go", "../../entries/*.go", "../../entries/*/*.go", "../../loader/*.go", "../../loader/*/*.go"} {
		files, err := filepath.Glob(glob)
		require.NoError(t, err)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1) {
				found = append(found, m[1])
			}
		}
	}
	return found
}

func TestManualHasEveryFinding(t *testing.T) {
	var ids, documented []string
	for _, topic := range loader.Topics() {
		ids = append(ids, string(topic.ID))
	}
	for _, i := range readManual(t, "kexec-bls.8") {
		if i.section == "FINDINGS" {
			documented = append(documented, i.names("Cm")...)
			assert.Regexp(t, `^\.Pq (error|warning|info)$`, i.next, i.head)
		}
	}
	slices.Sort(ids)
	slices.Sort(documented)
	assert.Equal(t, ids, documented)
}

func TestManualHasEveryVariableAndFile(t *testing.T) {
	var variables, files []string
	for _, i := range readManual(t, "kexec-bls.8") {
		variables, files = append(variables, i.names("Ev")...), append(files, i.names("Pa")...)
	}
	used := inSources(t, `(?:[gG]etenv|LookupEnv|isTrue|given)\([^)]*"([A-Z][A-Z_]+)"`)
	require.Greater(t, len(used), 4)
	for _, name := range used {
		assert.Contains(t, variables, name, "in ENVIRONMENT of dist/man/kexec-bls.8")
	}
	for _, file := range []string{config.File, preflight.MachinesFile, realEnvironment().machine.RunDir + "/loaded.json"} {
		assert.Contains(t, files, file)
	}
}

func TestManualHasEveryConfigurationKey(t *testing.T) {
	documented := map[string]string{}
	for _, i := range readManual(t, "kexec-bls.toml.5") {
		if i.section == "KEYS" && i.depth == 1 {
			documented[i.names("Va")[0]] = i.next
		}
	}
	standard := config.Default()
	for _, key := range standard.Keys() {
		want := ".Pq " + key.Type() + ", default " + strings.ReplaceAll(key.TOML(), `"`, `\(dq`)
		assert.Equal(t, want, documented[key.Name], "%s in kexec-bls.toml(5)", key.Name)
		delete(documented, key.Name)
	}
	assert.Empty(t, documented, "keys that do not exist")
}

func TestManualHasEveryJSONKey(t *testing.T) {
	for verb, value := range map[string]any{
		"list": report.Entry{}, "show": report.Plan{}, "check": report.Check{}, "status": report.Status{},
		"reboot-required": report.Requirement{}, "initrd ls": report.Initrd{}, "config": config.Setting{},
		"unload": report.Unload{}, "reboot": report.Reboot{}, "export": report.Export{}, "initrd merge": report.Merge{}, "enable": report.EveryReboot{},
	} {
		var documented []string
		for _, i := range readManual(t, "kexec-bls.8") {
			if i.section == "JSON OUTPUT" && i.subsection == "JSON of "+verb {
				documented = append(documented, i.names("Va")...)
			}
		}
		assert.ElementsMatch(t, jsonKeys(reflect.TypeOf(value), ""), documented, verb)
	}
}

// jsonKeys are the paths of all keys of a type's JSON.
func jsonKeys(of reflect.Type, before string) []string {
	var keys []string
	for i := range of.NumField() {
		field := of.Field(i)
		if !field.IsExported() && !field.Anonymous {
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		kind, path := field.Type, before+name
		for kind.Kind() == reflect.Pointer || kind.Kind() == reflect.Slice {
			if kind.Kind() == reflect.Slice && kind.Elem().Kind() == reflect.Struct {
				path += "[]"
			}
			kind = kind.Elem()
		}
		switch {
		case field.Anonymous: // its keys, but for those that of hides
			for _, key := range jsonKeys(kind, before) {
				name, _, _ := strings.Cut(strings.TrimPrefix(key, before), ".")
				if _, hidden := fieldOf(of, name); !hidden {
					keys = append(keys, key)
				}
			}
		case kind == reflect.TypeFor[report.EntryRef](), kind == reflect.TypeFor[report.Entry](), kind == reflect.TypeFor[time.Time]():
			keys = append(keys, path) // explained once
		case kind.Kind() == reflect.Struct:
			keys = append(keys, jsonKeys(kind, path+".")...)
		default:
			keys = append(keys, path)
		}
	}
	return keys
}

// fieldOf is the field of a struct itself that has this name in JSON.
func fieldOf(of reflect.Type, name string) (reflect.StructField, bool) {
	for i := range of.NumField() {
		tag, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		if tag == name {
			return of.Field(i), true
		}
	}
	return reflect.StructField{}, false
}

// TestManualHasEveryUnitAndHook goes through all that is installed beside the
// program.
func TestManualHasEveryUnitAndHook(t *testing.T) {
	var documented, files []string
	for _, i := range readManual(t, "kexec-bls-units.8") {
		if i.section == "UNITS" || i.section == "PACKAGE MANAGERS" {
			documented = append(documented, i.names("Pa")...)
		}
	}
	for _, dir := range []string{"systemd", "pacman", "kernel-install", "debian"} {
		found, err := filepath.Glob("dist/" + dir + "/*")
		require.NoError(t, err)
		for _, file := range found {
			files = append(files, filepath.Base(file))
		}
	}
	require.NotEmpty(t, files)
	for _, file := range files {
		assert.Contains(t, documented, file, "in dist/man/kexec-bls-units.8")
	}
}

// TestManualKeeps: the manual has what becomes of everything that firmware and boot
// loader provide.
func TestManualKeeps(t *testing.T) {
	var heads []string
	for _, i := range readManual(t, "kexec-bls.8") {
		if i.section == "WHAT A KEXEC KEEPS" {
			heads = append(heads, i.head)
		}
	}
	assert.Equal(t, []string{
		"EFI variables", "Boot counting", "PCRs and the log of the TPM", "Secrets", "Microcode", "Memory", "Consoles and graphics", "Devices", "Watchdog",
		"Firmware updates and settings", "Memory map, ACPI tables, SMBIOS", "Secure Boot",
	}, heads)
}
