package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// kuredVersion is the release whose flags testdata/kured-VERSION.flags has.
const kuredVersion = "1.23.0"

// A kuredSet is what is read here of the objects in dist/kured.
type kuredSet struct {
	Kind     string
	Metadata struct{ Name, Namespace string }
	Images   []struct {
		Name string
		Tag  string `yaml:"newTag"`
	}
	Spec struct {
		Template struct {
			Spec struct {
				HostPID    bool `yaml:"hostPID"`
				Containers []struct {
					Image, Name     string
					Command         []string
					SecurityContext struct{ Privileged bool } `yaml:"securityContext"`
					Env             []struct{ Name string }
				}
			}
		}
	}
}

func readKured(t *testing.T, name string) []kuredSet {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("dist/kured", name))
	require.NoError(t, err)
	var sets []kuredSet
	for decoder := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var set kuredSet
		err := decoder.Decode(&set)
		if errors.Is(err, io.EOF) {
			return sets
		}
		require.NoError(t, err)
		sets = append(sets, set)
	}
}

// kuredFlags is the command line of kured, by the names and types of that
// release.
func kuredFlags(t *testing.T) *pflag.FlagSet {
	t.Helper()
	text, err := os.ReadFile("testdata/kured-" + kuredVersion + ".flags")
	require.NoError(t, err)
	f := pflag.NewFlagSet("kured", pflag.ContinueOnError)
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if words[0] == "#" {
			continue
		}
		switch words[1] {
		case "string", "regexp":
			f.String(words[0], "", "")
		case "bool":
			f.Bool(words[0], false, "")
		case "int":
			f.Int(words[0], 0, "")
		case "duration":
			f.Duration(words[0], 0, "")
		case "stringArray", "stringSlice":
			f.StringSlice(words[0], nil, "")
		default:
			t.Fatalf("%s: type %s", words[0], words[1])
		}
	}
	return f
}

func TestKuredManifest(t *testing.T) {
	kustomization := readKured(t, "kustomization.yaml")
	require.Len(t, kustomization[0].Images, 1)
	assert.Equal(t, kuredVersion, kustomization[0].Images[0].Tag, "the version whose flags were looked at")
	sets := readKured(t, "daemonset.yaml")
	require.Len(t, sets, 1)
	pod := sets[0].Spec.Template.Spec
	require.Len(t, pod.Containers, 1)
	c := pod.Containers[0]
	assert.Equal(t, kustomization[0].Images[0].Name, c.Image)
	assert.True(t, pod.HostPID, "for /proc/1/ns/mnt")
	assert.True(t, c.SecurityContext.Privileged, "for nsenter")
	assert.Equal(t, "KURED_NODE_ID", c.Env[0].Name)

	require.Equal(t, "/usr/bin/kured", c.Command[0])
	flags := kuredFlags(t)
	require.NoError(t, flags.Parse(c.Command[1:]))
	assert.Empty(t, flags.Args())
	assert.False(t, flags.Changed("lock-ttl"), "a node that does not come back stops the others")
	assert.False(t, flags.Changed("force-reboot"))
	for flag, want := range map[string]string{
		"reboot-sentinel-command": "kexec-bls reboot-required", "reboot-command": "kexec-bls reboot --or-firmware",
	} {
		got, err := flags.GetString(flag)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	for _, object := range append(readKured(t, "rbac.yaml"), sets...) {
		assert.Equal(t, "kured", object.Metadata.Name, "as --ds-name")
		if !strings.HasPrefix(object.Kind, "Cluster") {
			assert.Equal(t, "kube-system", object.Metadata.Namespace, "as --ds-namespace")
		}
	}
	flags = kuredFlags(t)
	assert.Error(t, flags.Parse([]string{"--reboot-sentinel-cmd=x"}), "unknown ones are refused")
	assert.Error(t, flags.Parse([]string{"--period=often"}))
}

// TestKuredCommands: what kured runs are commands that this program has, with
// the answers that kured expects.
func TestKuredCommands(t *testing.T) {
	f, esp := newFake(t, archFiles())
	f.getenv = func(name string) string {
		return map[string]string{"SYSTEMD_ESP_PATH": esp, "SYSTEMD_RELAX_ESP_CHECKS": "1"}[name]
	}
	for _, arg := range readKured(t, "daemonset.yaml")[0].Spec.Template.Spec.Containers[0].Command {
		for _, flag := range []string{"--reboot-sentinel-command=", "--reboot-command="} {
			if command, ok := strings.CutPrefix(arg, flag); ok {
				words := strings.Fields(command) // kured's shlex, for words without quotes
				require.Equal(t, "kexec-bls", words[0])
				got := f.run(words[1:]...)
				assert.Equal(t, exitDone, got.code, "%s: %s", command, got.stderr)
			}
		}
	}
	assert.Equal(t, []string{"load", "systemctl kexec into arch.conf"}, f.acts)
}
