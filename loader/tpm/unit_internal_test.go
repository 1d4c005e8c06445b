package tpm

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestArgumentsOfPCRExtend has what systemd-pcrextend(8) extends by each.
func TestArgumentsOfPCRExtend(t *testing.T) {
	separated := []int{0, 1, 2, 3, 4, 5, 6, 7, 9, 12, 13, 14}
	for _, c := range []struct {
		args []string
		want extension
	}{
		{[]string{"word"}, extension{[]int{11}, "word"}},
		{nil, extension{[]int{11}, ""}},
		{[]string{"--graceful", "word"}, extension{[]int{11}, "word"}},
		{[]string{"--early=yes", "--event-type=phase", "--tpm2-device=auto", "word"}, extension{[]int{11}, "word"}},
		{[]string{"--pcr=0", "word"}, extension{[]int{0}, "word"}},
		{[]string{"--pcr=23", "word"}, extension{[]int{23}, "word"}},
		{[]string{"word", "--pcr=7", "--pcr=4", "--pcr=7"}, extension{[]int{4, 7}, "word"}},
		{[]string{"--pcr=kernel-initrd", "word"}, extension{[]int{9}, "word"}},
		{[]string{"--pcr=24", "word"}, extension{allPCRs(), ""}},
		{[]string{"--pcr=-1", "word"}, extension{allPCRs(), ""}},
		{[]string{"--pcr=", "word"}, extension{allPCRs(), ""}},
		{[]string{"--pcr=%i", "word"}, extension{allPCRs(), ""}},
		{[]string{"--os-separator"}, extension{separated, "os-separator"}},
		{[]string{"--graceful", "--os-separator"}, extension{separated, "os-separator"}},
		{[]string{"--machine-id"}, extension{[]int{15}, ""}},
		{[]string{"--file-system=/var"}, extension{[]int{15}, ""}},
		{[]string{"--nvpcr=hardware", "word"}, extension{}},
		{[]string{"--product-id"}, extension{}},
		{[]string{"--new-option", "word"}, extension{[]int{11}, ""}},
		{[]string{"--pcr=4", "--new-option=1", "word"}, extension{[]int{4}, ""}},
		{[]string{"%m"}, extension{[]int{11}, ""}},
		{[]string{"$WORD"}, extension{[]int{11}, ""}},
		{[]string{`"two`, `words"`}, extension{[]int{11}, ""}},
		{[]string{`'word'`}, extension{[]int{11}, ""}},
		{[]string{`wo\x20rd`}, extension{[]int{11}, ""}},
	} {
		assert.Equal(t, c.want, parsePCRExtend(c.args), "%q", c.args)
	}
}

// TestNamesOfPCRs are those of systemd-analyze(1), pcrs; PCR 8 has none.
func TestNamesOfPCRs(t *testing.T) {
	for name, n := range map[string]int{
		"platform-code": 0, "platform-config": 1, "external-code": 2, "external-config": 3, "boot-loader-code": 4, "boot-loader-config": 5,
		"host-platform": 6, "secure-boot-policy": 7, "kernel-initrd": 9, "ima": 10, "kernel-boot": 11, "kernel-config": 12, "sysexts": 13,
		"shim-policy": 14, "system-identity": 15, "0": 0, "8": 8, "23": 23,
	} {
		assert.Equal(t, []int{n}, pcrNumber(name), name)
	}
	for _, name := range []string{"", "24", "-1", "7 ", "Kernel-Boot", "kernel", "99999999999999999999"} {
		assert.Nil(t, pcrNumber(name), name)
	}
}

// TestSettingsOfUnits has one rule of systemd.syntax(7) and systemd.service(5) a row.
func TestSettingsOfUnits(t *testing.T) {
	word := func(w string) []extension { return []extension{{[]int{11}, w}} }
	for text, want := range map[string]unit{
		"": {},
		"[Service]\nExecStart=systemd-pcrextend a":                             {extends: word("a")},
		" ExecStart = /x/systemd-pcrextend  a \n":                              {extends: word("a")},
		"ExecStart=/x/systemd-pcrphase a\n":                                    {extends: word("a")},
		"ExecStart=-/x/systemd-pcrextend a\n":                                  {extends: word("a")},
		"ExecStart=@:+!!|/x/systemd-pcrextend a\n":                             {extends: word("a")},
		"ExecStart=/x/systemd-pcrextend \\\n  a\n":                             {extends: word("a")},
		"ExecStartPre=/x/systemd-pcrextend a\n":                                {extends: word("a")},
		"ExecStartPost=/x/systemd-pcrextend a\n":                               {extends: word("a")},
		"ExecStop=/x/systemd-pcrextend a\n":                                    {},
		"ExecReload=/x/systemd-pcrextend a\n":                                  {},
		"#ExecStart=/x/systemd-pcrextend a\n":                                  {},
		";ExecStart=/x/systemd-pcrextend a\n":                                  {},
		"  # ExecStart=/x/systemd-pcrextend a\n":                               {},
		"ExecStart=\n":                                                         {},
		"ExecStart=-\n":                                                        {},
		"ExecStart\n":                                                          {},
		"ExecStart=/bin/true systemd-tpm2-setup\n":                             {},
		"ExecStart=/x/systemd-pcrextend --nvpcr=a\n":                           {},
		"ExecStart=/x/systemd-tpm2-setup --early=1":                            {setup: true},
		"ExecStart=/bin/sh -c 'x/tpm2_pcrextend 1'":                            {extends: []extension{{allPCRs(), ""}}},
		"ExecStart=/x/systemd-pcrextend a\nExecStart=/x/systemd-pcrextend b\n": {extends: append(word("a"), word("b")...)},
		"ConditionPathExists=!/a\nAssertSecurity = tpm2\n":                     {conditions: []condition{{"ConditionPathExists", "!/a"}, {"AssertSecurity", "tpm2"}}},
		"#ConditionPathExists=/a\nAfter=Condition=1\n":                         {},
	} {
		want.name = "x.service"
		assert.Equal(t, want, parseUnit("x.service", []byte(text)), "%q", text)
	}
}

// TestUnitsThatAreKept are those that may measure; the others are forgotten.
func TestUnitsThatAreKept(t *testing.T) {
	for text, want := range map[string]bool{
		"ExecStart=systemd-pcrextend": true, "ExecStart=systemd-pcrphase": true, "ExecStart=systemd-tpm2-setup": true, "ExecStart=/usr/bin/tpm2_pcrextend 8": true,
		"ExecStart=systemd-pcrlock": false, "ExecStart=/bin/true": false, "": false,
	} {
		assert.Equal(t, want, measures([]byte(text)), text)
	}
}
