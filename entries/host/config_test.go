package host_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

// TestConfigPlaces: /proc/config.gz is that of the running kernel; else the first file
// that is a configuration counts.
func TestConfigPlaces(t *testing.T) {
	places := []string{
		"proc/config.gz", "boot/config-6.1", "usr/lib/modules/6.1/config", "lib/modules/6.1/config", "usr/lib/kernel/config-6.1", "usr/lib/ostree-boot/config-6.1",
	}
	for first := range places {
		root := fstest.MapFS{"proc/sys/kernel/osrelease": {Data: []byte("6.1\n")}, "boot/config-6.2": {Data: []byte("CONFIG_X=other\n")}}
		for i, name := range places {
			text := "# nothing is set\n"
			if i >= first {
				text = "CONFIG_X=" + name + "\n"
			}
			if i == 0 {
				text = zipped(t, text)
			}
			root[name] = &fstest.MapFile{Data: []byte(text)}
		}
		m := host.Machine{FS: root}
		assert.Equal(t, host.Config{"CONFIG_X": places[first]}, m.RunningConfig())
		assert.Equal(t, host.Config{"CONFIG_X": places[max(1, first)]}, m.KernelConfig("6.1"), "an installed kernel is not the running one")
	}
	for _, release := range []string{"", ".", "..", "a/b"} {
		assert.Nil(t, machine("boot/config-"+release, "CONFIG_X=y\n", "boot/config-6.1", "CONFIG_X=y\n").KernelConfig(release), release)
	}
}

// TestConfigLines: what is set, as Kconfig writes it.
func TestConfigLines(t *testing.T) {
	long := strings.Repeat("a", 100<<10)
	for text, want := range map[string]host.Config{
		"CONFIG_A=y":                        {"CONFIG_A": "y"},
		"CONFIG_A=y\r\nCONFIG_B=m":          {"CONFIG_A": "y", "CONFIG_B": "m"},
		"CONFIG_A=y\nCONFIG_A=m\n":          {"CONFIG_A": "m"},
		"CONFIG_A=\"\"\nCONFIG_B=0\n":       {"CONFIG_A": `""`, "CONFIG_B": "0"},
		"CONFIG_A=no\nCONFIG_B=n\n":         {"CONFIG_A": "no"},
		"CONFIG_A=\nCONFIG_B\n":             nil,
		" CONFIG_A=y\n#CONFIG_B=y\nX=y\n":   nil,
		"config_a=y\nXCONFIG_A=y\n":         nil,
		"CONFIG_S=" + long + "\nCONFIG_A=y": {"CONFIG_S": long, "CONFIG_A": "y"},
		"":                                  nil,
	} {
		assert.Equal(t, want, machine("boot/config-1", text).KernelConfig("1"), "%.40q", text)
	}
}

// TestConfigBounds: a configuration of 4 MiB is read, and a larger one is not, whether
// it is packed or not.
func TestConfigBounds(t *testing.T) {
	const size = 4 << 20
	comment := strings.Repeat("#"+strings.Repeat("x", 1022)+"\n", size>>10)
	for extra, want := range map[int]host.Config{0: {"CONFIG_A": "y"}, 1: nil} {
		text := "CONFIG_A=y\n" + comment[len(comment)-size+len("CONFIG_A=y\n")-extra:]
		assert.Len(t, text, size+extra)
		assert.Equal(t, want, machine("boot/config-1", text).KernelConfig("1"), extra)
		assert.Equal(t, want, machine("proc/config.gz", zipped(t, text)).RunningConfig(), extra)
	}
}

// TestConfigOff: an option that is a module, or has another value, is not off.
func TestConfigOff(t *testing.T) {
	config := host.Config{"CONFIG_Y": "y", "CONFIG_M": "m", "CONFIG_N": "64"}
	for option, want := range map[string][2]bool{"CONFIG_Y": {false, true}, "CONFIG_M": {}, "CONFIG_N": {}, "CONFIG_X": {true, false}, "Y": {true, false}} {
		assert.Equal(t, want, [2]bool{config.Off(option), config.BuiltIn(option)}, option)
	}
	assert.True(t, host.Config{}.Known() && host.Config{}.Off("CONFIG_Y"), "an empty one is known")
}

// TestConfigCut: a packed configuration that is cut anywhere, or has another sum, is none.
func TestConfigCut(t *testing.T) {
	packed := zipped(t, "CONFIG_A=y\nCONFIG_B=m\n")
	for n := range len(packed) {
		assert.Nil(t, machine("proc/config.gz", packed[:n]).RunningConfig(), n)
	}
	sum := []byte(packed)
	sum[len(sum)-8] ^= 1
	assert.Nil(t, machine("proc/config.gz", string(sum)).RunningConfig())
}
