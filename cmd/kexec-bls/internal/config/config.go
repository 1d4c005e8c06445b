// Package config reads and merges the configuration of kexec-bls: a main file
// and drop-ins in TOML 1.0, found by the rules of systemd.conf(5).
package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A Config is the merged configuration; see Keys for what each field means.
// Default returns one in which nothing is set.
type Config struct {
	Cmdline struct {
		Append []string
		Remove []string
	}
	Initrd struct {
		Flat       bool
		EarlyFirst bool
		Limit      string // as ParseSize reads it; "" for the default
	}
	Check struct {
		Ignore []string
	}
	Hook struct {
		Policy string // one of the Policy constants
	}
	GPU struct {
		Modules []string
	}
	TPM struct {
		MeasuredOS string // one of the MeasuredOS constants
	}
	Try struct {
		Healthy []string
	}
}

// Values of tpm.measured_os.
const (
	MeasuredOSOff  = "off"  // nothing is added
	MeasuredOSAuto = "auto" // systemd.tpm2_measured_os=no, where a volume opens with it only
)

// Values of hook.policy.
const (
	PolicyNotify = "notify" // print how the next boot would differ
	PolicyLoad   = "load"   // load it too
	PolicyOff    = "off"    // nothing
)

// Default returns the configuration of a machine that has none.
func Default() Config {
	var c Config
	c.Hook.Policy, c.TPM.MeasuredOS = PolicyNotify, MeasuredOSOff
	return c
}

// UnpackLimit returns initrd.limit in bytes, 0 where it is not set or invalid.
func (c Config) UnpackLimit() int64 {
	n, err := ParseSize(c.Initrd.Limit)
	if err != nil {
		return 0
	}
	return n
}

// ParseSize reads a positive number of bytes with an optional suffix K, M, G
// or T, powers of 1024.
func ParseSize(s string) (int64, error) {
	digits := strings.TrimRight(s, "KMGT")
	shift := map[string]int{"": 0, "K": 10, "M": 20, "G": 30, "T": 40}
	bits, known := shift[s[len(digits):]]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || !known || n <= 0 || n > math.MaxInt64>>bits {
		return 0, fmt.Errorf("must be a number of bytes such as 512M or 8G; got %q", s)
	}
	return n << bits, nil
}
