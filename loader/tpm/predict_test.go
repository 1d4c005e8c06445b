package tpm_test

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/loader/tpm"
)

// words are what is measured into PCRs of the bank "sha256".
func words(p tpm.Prediction, pcrs ...int) [][]string {
	var all [][]string
	for _, n := range pcrs {
		all = append(all, p.Banks["sha256"][n].Words)
	}
	return all
}

func TestUnitsOfTheInitrdDecide(t *testing.T) {
	const sep, enter, done = "os-separator", "enter-initrd", "nvpcr-separator"
	const separatorUnit = "systemd-pcrosseparator.service"
	old := files{"etc/initrd-release": "x"}
	var none []string
	for name, c := range map[string]struct {
		initrd  files
		line    string
		machine func(*tpm.Machine)
		want    [][]string // of PCRs 7, 9, 11
	}{
		"measured":              {measuring(), "", nil, [][]string{{sep}, {sep, done}, {enter}}},
		"no units":              {old, "", nil, [][]string{none, none, none}},
		"phase alone":           {unit(old, "systemd-pcrphase-initrd.service", phase), "", nil, [][]string{none, none, {enter}}},
		"no release file":       {measuring().with("etc/initrd-release", ""), "", nil, [][]string{none, {done}, none}},
		"not pulled in":         {measuring().with("usr/lib/systemd/system/sysinit.target.wants/"+separatorUnit, ""), "", nil, [][]string{none, {done}, {enter}}},
		"link to /dev/null":     {measuring().with("etc/systemd/system/"+separatorUnit, "-> /dev/null"), "", nil, [][]string{none, {done}, {enter}}},
		"link to itself":        {measuring().with("etc/systemd/system/"+separatorUnit, "-> /usr/lib/systemd/system/"+separatorUnit), "", nil, [][]string{{sep}, {sep, done}, {enter}}},
		"no place for units":    {measuring().with("usr/etc/systemd/system/"+separatorUnit, "-> /dev/null"), "", nil, [][]string{{sep}, {sep, done}, {enter}}},
		"mask":                  {measuring(), "rd.systemd.mask=systemd-pcrosseparator", nil, [][]string{none, {done}, {enter}}},
		"mask of the system":    {measuring(), "systemd.mask=" + separatorUnit, nil, [][]string{{sep}, {sep, done}, {enter}}},
		"mask, no generator":    {measuring().with("usr/lib/systemd/system-generators/systemd-debug-generator", ""), "rd.systemd.mask=" + separatorUnit, nil, [][]string{{sep}, {sep, done}, {enter}}},
		"switched off":          {measuring(), "systemd.tpm2_measured_os=no", nil, [][]string{none, none, none}},
		"last value":            {measuring(), "systemd.tpm2_measured_os=no systemd.tpm2_measured_os=1", nil, [][]string{{sep}, {sep, done}, {enter}}},
		"quoted":                {measuring(), `"systemd.tpm2-measured-os=off"`, nil, [][]string{none, none, none}},
		"no boolean":            {measuring(), "systemd.tpm2_measured_os=maybe", nil, [][]string{{sep}, {sep, done}, {enter}}},
		"environment":           {measuring(), "SYSTEMD_FORCE_MEASURE=0", nil, [][]string{none, none, none}},
		"no stub":               {measuring(), "", func(m *tpm.Machine) { m.Stub = false }, [][]string{none, none, none}},
		"no TPM in firmware":    {measuring(), "", func(m *tpm.Machine) { m.Firmware = false }, [][]string{none, none, none}},
		"no stub, switched on":  {measuring(), "systemd.tpm2_measured_os", func(m *tpm.Machine) { m.Stub = false }, [][]string{{sep}, {sep, done}, {enter}}},
		"older, switched off":   {unit(old, "systemd-pcrphase-initrd.service", "[Unit]\nConditionSecurity=measured-uki\n[Service]\nExecStart=/lib/systemd/systemd-pcrextend enter-initrd\n"), "systemd.tpm2_measured_os=no", nil, [][]string{none, none, {enter}}},
		"systemd 252":           {unit(old, "systemd-pcrphase-initrd.service", "[Unit]\nAssertPathExists=/etc/initrd-release\nConditionSecurity=tpm2\nConditionPathExists=/sys/firmware/efi/efivars/StubPcrKernelImage-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f\n[Service]\nExecStart=/lib/systemd/systemd-pcrphase --graceful enter-initrd\n"), "", nil, [][]string{none, none, {enter}}},
		"of the system":         {unit(old, "systemd-pcrnvdone.service", "[Unit]\nConditionPathExists=!/etc/initrd-release\n[Service]\nExecStart=systemd-pcrextend --pcr=9 x\n"), "", nil, [][]string{none, none, none}},
		"no unit that measures": {unit(old, "a.service", "[Service]\nExecStart=/bin/true\n"), "", nil, [][]string{none, none, none}},
	} {
		m := running(t)
		m.Ready, m.Sysinit = false, false
		if c.machine != nil {
			c.machine(&m)
		}
		p := tpm.Predict(m, tpm.Boot{Cmdline: c.line, Initrd: c.initrd.initrd()})
		assert.Equal(t, c.want, words(p, 7, 9, 11), name)
		for _, n := range []int{7, 9, 11} {
			assert.Empty(t, p.Banks["sha256"][n].Unknown, name)
		}
	}
}

func TestLaterFileReplacesEarlier(t *testing.T) {
	var i tpm.Initrd
	for _, text := range []string{separator, "[Service]\nExecStart=/bin/true\n"} {
		i.Visit(tpm.File{Path: "usr/lib/systemd/system/systemd-pcrosseparator.service", Content: func() ([]byte, error) { return []byte(text), nil }})
	}
	i.Visit(tpm.File{Path: "usr/lib/systemd/system/sysinit.target.wants/systemd-pcrosseparator.service", Link: "../x"})
	i.Visit(tpm.File{Path: "etc/initrd-release"})
	assert.Empty(t, tpm.Predict(running(t), tpm.Boot{Initrd: i}).Banks["sha256"][7].Words)
}

func TestWhatCannotBeKnownIsSaid(t *testing.T) {
	agent := func(exec string) files { return unit(measuring(), "agent.service", "[Service]\nExecStart="+exec+"\n") }
	unreadable := measuring().initrd()
	unreadable.Visit(tpm.File{Path: "usr/lib/systemd/system/systemd-pcrosseparator.service", Content: func() ([]byte, error) { return nil, errors.New("damaged") }})
	nv := measuring().with("usr/lib/nvpcr/hardware.nvpcr", "{}",
		".extra/tpm2-pcr-signature.json", "{")
	nv = unit(nv, "systemd-tpm2-setup-early.service", "[Service]\nExecStart=/usr/lib/systemd/systemd-tpm2-setup --early=yes\n")
	for name, c := range map[string]struct {
		initrd tpm.Initrd
		pcr    int
		why    string
	}{
		"agent":       {agent("/usr/lib/systemd/systemd-pcrextend --pcr=12 x").initrd(), 12, "agent.service extends it"},
		"by name":     {agent("-/usr/lib/systemd/systemd-pcrextend --pcr=kernel-config x").initrd(), 12, "agent.service extends it"},
		"machine ID":  {agent("/usr/lib/systemd/systemd-pcrextend --machine-id").initrd(), 15, "agent.service extends it"},
		"tpm2-tools":  {agent("/usr/bin/tpm2_pcrextend 8:sha256=00").initrd(), 8, "agent.service extends it"},
		"drop-in":     {measuring().with("etc/systemd/system/systemd-pcrosseparator.service.d/x.conf", "[Unit]").initrd(), 7, "may extend it: drop-in"},
		"condition":   {unit(measuring(), "systemd-pcrosseparator.service", "[Unit]\nConditionVirtualization=vm\n"+separator).initrd(), 7, "ConditionVirtualization=vm"},
		"NvPCRs":      {nv.initrd(), 9, "initializes NvPCRs"},
		"not read":    {unreadable, 7, "damaged"},
		"other words": {unit(measuring(), "systemd-pcrphase-initrd.service", "[Service]\nExecStart=systemd-pcrextend %m\n").initrd(), 11, "value that is not known"},
	} {
		p := tpm.Predict(running(t), tpm.Boot{Initrd: c.initrd})
		for bank := range p.Banks {
			assert.Contains(t, p.Banks[bank][c.pcr].Unknown, c.why, name)
			assert.Nil(t, p.Banks[bank][c.pcr].Next, name)
		}
	}
}

// Words that go to NvPCRs leave the PCRs alone.
func TestNvPCRsAreNoPCRs(t *testing.T) {
	p := tpm.Predict(running(t), tpm.Boot{Initrd: unit(measuring(), "systemd-pcrproduct.service", "[Service]\nExecStart=systemd-pcrextend --product-id\n").initrd()})
	for n := range tpm.NumPCRs {
		assert.Empty(t, p.Banks["sha256"][n].Unknown)
	}
}

// A stop extends PCR 11 by the phases that were entered; a jump does not.
func TestStopExtendsPhases(t *testing.T) {
	m := running(t)
	assert.Equal(t, [][]string{{"shutdown", "final"}}, words(tpm.Predict(m, tpm.Boot{}), 11))
	assert.Equal(t, [][]string{nil}, words(tpm.Predict(m, tpm.Boot{Force: true}), 11))
	m.Ready = false
	assert.Equal(t, [][]string{{"final"}}, words(tpm.Predict(m, tpm.Boot{}), 11))
}

// A bank that nothing was measured into is left alone where another is in use.
func TestUnusedBankIsNotExtended(t *testing.T) {
	zeros, used := tpm.Values{11: make([]byte, sha1.Size)}, tpm.Values{11: bytes.Repeat([]byte{7}, sha256.Size)}
	m := tpm.Machine{Banks: map[string]tpm.Values{"sha1": zeros, "sha256": used}, Sysinit: true}
	p := tpm.Predict(m, tpm.Boot{})
	assert.Equal(t, zeros[11], p.Banks["sha1"][11].Next)
	assert.NotEqual(t, used[11], p.Banks["sha256"][11].Next)

	m.Banks["sha256"] = tpm.Values{11: make([]byte, sha256.Size)}
	p = tpm.Predict(m, tpm.Boot{})
	word := sha256.Sum256([]byte("final"))
	want := sha256.Sum256(append(make([]byte, 32), word[:]...))
	assert.Equal(t, "2443630b4620165c8b173e7265e17526fe2787ae594364dd6d839ad58f2fc007", hex.EncodeToString(word[:]))
	assert.Equal(t, want[:], p.Banks["sha256"][11].Next)
	assert.NotEqual(t, zeros[11], p.Banks["sha1"][11].Next)
}
