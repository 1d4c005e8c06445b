package host_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

// TestKHOScratchOnTheCommandLine: as for every early parameter of the kernel the last
// one counts, and what is after "--" is for init.
func TestKHOScratchOnTheCommandLine(t *testing.T) {
	three := []int64{16 << 20, 512 << 20, 1 << 30}
	for cmdline, want := range map[string][]int64{
		`quiet kho_scratch="16M,512M,1G" ro`:                three,
		"kho_scratch=1M,1M,1M kho_scratch=16M,512M,1G":      three,
		"kho_scratch=16M,512M,1G kho_scratch=200%":          nil,
		"kho_scratch=16M,512M,1G -- kho_scratch=1M,1M,1M":   three,
		"-- kho_scratch=16M,512M,1G":                        nil,
		"xkho_scratch=16M,512M,1G kho_scratch":              nil,
		"kho_scratch=":                                      nil,
		"kho_scratch=16m,0x20000000,1073741824 kho_scratch": three,
	} {
		assert.Equal(t, want, machine("proc/cmdline", cmdline).KHOScratch(), cmdline)
	}
}

// TestSizesOfKHO: a unit is one letter in either case, and what does not fit is no size.
func TestSizesOfKHO(t *testing.T) {
	for text, want := range map[string][]int64{
		"0": {0}, "1": {1}, "010": {8}, "0x10": {16}, "1k": {1 << 10}, "1K": {1 << 10}, "1m": {1 << 20}, "1g": {1 << 30}, "1G": {1 << 30}, "1T": {1 << 40}, "1t": {1 << 40},
		"9223372036854775807": {math.MaxInt64}, "8388607T": {8388607 << 40}, "8589934591G": {8589934591 << 30},
		"9223372036854775808": nil, "8388608T": nil, "8589934592G": nil, "-1": nil, "-1M": nil, "1KM": nil, "1MiB": nil, "M": nil, "1B": nil, "1.5M": nil, "0xg": nil,
	} {
		assert.Equal(t, want, machine("sys/kernel/debug/kho/out/scratch_len", text+"\n").KHOScratch(), text)
		assert.Equal(t, want, machine("proc/cmdline", "kho_scratch="+text).KHOScratch(), text)
	}
}

// TestBooleansOfKHO: the kernel's kstrtobool reads one letter, or two after "o".
func TestBooleansOfKHO(t *testing.T) {
	for _, on := range []bool{false, true} { // what is no boolean changes nothing
		config := host.Config{"CONFIG_KEXEC_HANDOVER": "y"}
		if on {
			config["CONFIG_KEXEC_HANDOVER_ENABLE_DEFAULT"] = "y"
		}
		for text, want := range map[string]bool{
			"e": true, "E": true, "t": true, "T": true, "Y": true, "1": true, "10": true, "on": true, "oN": true,
			"d": false, "D": false, "f": false, "F": false, "n": false, "0": false, "01": false, "of": false, "OFF": false,
			"o": on, "ox": on, "2": on, "x": on, "": on, "-1": on,
		} {
			assert.Equal(t, want, config.KHO("kho="+text), "%q, %v by default", text, on)
		}
		assert.Equal(t, on, config.KHO("xkho=1 kho kho.x=0 KHO=1"), "other parameters")
	}
	assert.False(t, host.Config{"CONFIG_KEXEC_HANDOVER_ENABLE_DEFAULT": "y"}.KHO("kho=1"), "not built in")
	assert.True(t, host.Config{"CONFIG_KEXEC_HANDOVER": "y", "CONFIG_KEXEC_HANDOVER_ENABLE_DEFAULT": "y"}.KHO(""))
	assert.True(t, host.Config(nil).KHO("kho=1"), "a kernel whose configuration is not known")
}
