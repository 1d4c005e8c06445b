package tpm

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestMeasuredOS has one rule of systemd's condition measured-os a row: environment,
// parameter, and then stub and firmware.
func TestMeasuredOS(t *testing.T) {
	for line, want := range map[string][4]bool{ // with neither, the stub, the firmware, both
		"":                            {false, false, false, true},
		"systemd.tpm2_measured_os":    {true, true, true, true},
		"systemd.tpm2_measured_os=1":  {true, true, true, true},
		"systemd.tpm2-measured-os=no": {false, false, false, false},
		"systemd.tpm2_measured_os=":   {false, false, false, true},
		"systemd.tpm2_measured_os=x":  {false, false, false, true},
		"rd.systemd.tpm2_measured_os": {false, false, false, true},
		"SYSTEMD_FORCE_MEASURE=1":     {true, true, true, true},
		"SYSTEMD_FORCE_MEASURE=x":     {false, false, false, true},
		"systemd_force_measure=1":     {false, false, false, true},
		"tpm2_measured_os=1":          {false, false, false, true},
		"systemd.tpm2_measured_os=0 SYSTEMD_FORCE_MEASURE=1": {true, true, true, true},
		"SYSTEMD_FORCE_MEASURE=0 systemd.tpm2_measured_os=1": {false, false, false, false},
		"SYSTEMD_FORCE_MEASURE=x systemd.tpm2_measured_os=1": {true, true, true, true},
	} {
		for n, measured := range want {
			assert.Equal(t, measured, measuredOS(Machine{Stub: n&1 != 0, Firmware: n&2 != 0}, line), "%q, %d", line, n)
		}
	}
}

// TestConditionsOfUnits has one condition a row, on a machine for which it holds and on
// one for which it does not.
func TestConditionsOfUnits(t *testing.T) {
	holds := Machine{Stub: true, Firmware: true, Banks: map[string]Values{"sha256": {}}}
	inside := Boot{Initrd: visited("etc/initrd-release", "x")}
	for value, other := range map[string]Machine{
		"/" + stubVariable: {Firmware: true}, "tpm2": {Stub: true, Firmware: true}, "measured-uki": {Stub: true}, " measured-uki": {Firmware: true}, "measured-os": {}, "/etc/initrd-release": {},
	} {
		key, p, without := "Security", Prediction{Measured: true}, Boot{}
		value = string(bytes.TrimSpace([]byte(value)))
		if value[0] == '/' {
			key = "PathExists"
		}
		for _, prefix := range []string{"Condition", "Assert"} {
			u := unit{conditions: []condition{{prefix + key, value}}}
			met, why := u.met(p, holds, inside)
			assert.True(t, met, value)
			assert.Empty(t, why)
			met, _ = u.met(Prediction{}, other, without)
			assert.False(t, met, value)
			u.conditions[0].value = "!" + value
			met, _ = u.met(p, holds, inside)
			assert.False(t, met, "!"+value)
			met, _ = u.met(Prediction{}, other, without)
			assert.True(t, met, "!"+value)
		}
	}
}

// TestConditionsThatAreNotKnown: such a unit may start, unless another condition is
// surely not met.
func TestConditionsThatAreNotKnown(t *testing.T) {
	for _, c := range []struct {
		conditions []condition
		met        bool
		why        string
	}{
		{nil, true, ""},
		{[]condition{{"ConditionPathExists", "/etc/x"}}, true, "may extend it: ConditionPathExists=/etc/x"},
		{[]condition{{"ConditionPathExists", "!/etc/x"}}, true, "may extend it: ConditionPathExists=!/etc/x"},
		{[]condition{{"ConditionSecurity", "apparmor"}}, true, "may extend it: ConditionSecurity=apparmor"},
		{[]condition{{"ConditionSecurity", "|tpm2"}}, true, "may extend it: ConditionSecurity=|tpm2"},
		{[]condition{{"ConditionSecurity", "/etc/initrd-release"}}, true, "may extend it: ConditionSecurity=/etc/initrd-release"},
		{[]condition{{"ConditionPathExists", "measured-os"}}, true, "may extend it: ConditionPathExists=measured-os"},
		{[]condition{{"ConditionSecurity", "apparmor"}, {"ConditionSecurity", "measured-os"}}, false, ""},
		{[]condition{{"ConditionSecurity", "measured-os"}, {"ConditionSecurity", "apparmor"}}, false, ""},
		{[]condition{{"ConditionSecurity", "!measured-os"}, {"ConditionVirtualization", "vm"}}, true, "may extend it: ConditionVirtualization=vm"},
	} {
		met, why := unit{conditions: c.conditions}.met(Prediction{}, Machine{}, Boot{})
		assert.Equal(t, c.met, met, "%v", c.conditions)
		assert.Equal(t, c.why, why, "%v", c.conditions)
	}
}

// extension1 is TPM2_PCR_Extend of a word into a SHA-256 PCR.
func extension1(value []byte, word string) []byte {
	digest := sha256.Sum256([]byte(word))
	sum := sha256.Sum256(append(bytes.Clone(value), digest[:]...))
	return sum[:]
}

// TestWordsOfOnePCR follow one another; the present value and other PCRs stay.
func TestWordsOfOnePCR(t *testing.T) {
	value := bytes.Repeat([]byte{1}, 32)
	m := Machine{Banks: map[string]Values{"sha256": {4: value, 11: value}}, Ready: true, Sysinit: true}
	p := Predict(m, Boot{})
	assert.Equal(t, PCR{Now: value, Next: extension1(extension1(value, "shutdown"), "final"), Words: []string{"shutdown", "final"}}, p.Banks["sha256"][11])
	assert.Equal(t, PCR{Now: value, Next: value}, p.Banks["sha256"][4])
	assert.Equal(t, PCR{Unknown: "its value cannot be read"}, p.Banks["sha256"][5])
	assert.Equal(t, bytes.Repeat([]byte{1}, 32), value)
	m.Sysinit = false
	assert.Equal(t, extension1(value, "shutdown"), Predict(m, Boot{}).Banks["sha256"][11].Next)
	m.Sysinit = true
	assert.Equal(t, value, Predict(m, Boot{Force: true}).Banks["sha256"][11].Next)
}

// TestFirstReasonStays: what is not known is not known again by another unit, and a word
// for it is noted.
func TestFirstReasonStays(t *testing.T) {
	p := Prediction{Banks: map[string]Bank{"sha1": {7: {Next: []byte{1}}}, "sha256": {7: {Next: []byte{2}}}}}
	p.unknown(7, "first")
	p.unknown(7, "second")
	p.extend(7, "word")
	for _, bank := range []string{"sha1", "sha256"} {
		assert.Equal(t, "first", p.Banks[bank][7].Unknown)
		assert.Nil(t, p.Banks[bank][7].Next)
	}
	b := Bank{7: {Now: []byte{1}, Words: []string{"a"}}}
	assert.Equal(t, PCR{Now: []byte{1}, Words: []string{"a", "b"}}, b.extended("sha256", 7, []byte("x"), "b")[7])
	assert.Equal(t, []string{"a"}, b[7].Words, "the bank before is not changed")
	b[8].Next = []byte{9}
	assert.Equal(t, []byte{9}, b.extended("sm3_256", 8, []byte("x"), "b")[8].Next, "no such algorithm")
}

// TestUnreadInitrd: the 16 PCRs of a boot are not known, where something may measure.
func TestUnreadInitrd(t *testing.T) {
	var values Values
	for n := range values {
		values[n] = bytes.Repeat([]byte{byte(n + 1)}, 32)
	}
	unread := Initrd{unread: "it was not decoded"}
	for name, c := range map[string]struct {
		m       Machine
		line    string
		unknown bool
	}{
		"UKI":                     {Machine{Stub: true, Firmware: true}, "", true},
		"UKI, switched off":       {Machine{Stub: true, Firmware: true}, "systemd.tpm2_measured_os=0", true},
		"no TPM in the firmware":  {Machine{Stub: true}, "", false},
		"no UKI":                  {Machine{Firmware: true}, "", false},
		"switched on":             {Machine{}, "systemd.tpm2_measured_os=1", true},
		"no UKI and switched off": {Machine{Firmware: true}, "systemd.tpm2_measured_os=0", false},
	} {
		c.m.Banks = map[string]Values{"sha256": values}
		for n, pcr := range Predict(c.m, Boot{Cmdline: c.line, Initrd: unread}).Banks["sha256"] {
			want := PCR{Now: values[n], Next: values[n]}
			if c.unknown && n < 16 {
				want.Next, want.Unknown = nil, "it was not decoded"
			}
			assert.Equal(t, want, pcr, "%s: PCR %d", name, n)
		}
	}
}

// TestSwitchRoot: the system finds one word more in PCR 11, where its initrd entered,
// and what races in PCR 15, where it measures.
func TestSwitchRoot(t *testing.T) {
	value := bytes.Repeat([]byte{1}, 32)
	for _, measured := range []bool{false, true} {
		for _, entered := range []bool{false, true} {
			p := Prediction{Measured: measured, entered: entered, Banks: map[string]Bank{"sha256": {11: {Next: value}, 15: {Next: value}}}, nine: map[string]PCR{}}
			after := p.switchRoot()
			assert.Equal(t, entered, bytes.Equal(extension1(value, "leave-initrd"), after.Banks["sha256"][11].Next))
			assert.Equal(t, !entered, bytes.Equal(value, after.Banks["sha256"][11].Next))
			assert.Equal(t, measured, after.Banks["sha256"][15].Next == nil)
			assert.Nil(t, after.nine)
			assert.Equal(t, value, p.Banks["sha256"][11].Next, "the one before is not changed")
			assert.Equal(t, value, p.Banks["sha256"][15].Next)
		}
	}
	assert.Equal(t, "3be261aff7db92bf507eae947f4003ffa2bcad0bffe3524601d62d0bc8be7135", hexOf(sha256.Sum256([]byte("leave-initrd"))))
}

func hexOf(sum [32]byte) string { return hex.EncodeToString(sum[:]) }

// TestEarlyUnlock: PCR 9 is what it was before nvDoneUnit, where both are known.
func TestEarlyUnlock(t *testing.T) {
	bank := Bank{9: {Next: []byte{2}}, 7: {Next: []byte{3}}}
	p := Prediction{Banks: map[string]Bank{"sha256": bank, "sha1": {9: {Unknown: "why"}}}}
	early, races := p.early()
	assert.False(t, races)
	assert.Equal(t, p.Banks, early.Banks)
	p.nine = map[string]PCR{"sha256": {Next: []byte{1}}, "sha1": {Next: []byte{1}}}
	early, races = p.early()
	assert.True(t, races)
	assert.Equal(t, map[string]Bank{"sha256": {9: {Next: []byte{1}}, 7: {Next: []byte{3}}}, "sha1": {9: {Unknown: "why"}}}, early.Banks)
	assert.Equal(t, []byte{2}, p.Banks["sha256"][9].Next, "the late one is not changed")
}

// TestUnitsThatExtend: why a value is not known is the gravest reason.
func TestUnitsThatExtend(t *testing.T) {
	value := bytes.Repeat([]byte{1}, 32)
	word := []extension{{[]int{9, 11}, "w"}}
	for name, c := range map[string]struct {
		u       unit
		unknown string
		entered bool
	}{
		"known":        {unit{name: separatorUnit, extends: word}, "", false},
		"phase":        {unit{name: phaseUnit, extends: word}, "", true},
		"not met":      {unit{name: phaseUnit, extends: word, conditions: []condition{{"ConditionSecurity", "tpm2"}, {"ConditionSecurity", "!tpm2"}}}, "", false},
		"not sure":     {unit{name: phaseUnit, extends: word, conditions: []condition{{"ConditionKernelVersion", "7"}}}, phaseUnit + " may extend it: ConditionKernelVersion=7", true},
		"another unit": {unit{name: "a.service", extends: word}, "a.service extends it, before or after the unlock", false},
		"another, and no word": {unit{name: "a.service", extends: []extension{{[]int{9, 11}, ""}}},
			"a.service extends it, before or after the unlock", false},
		"no word": {unit{name: separatorUnit, extends: []extension{{[]int{9, 11}, ""}}}, separatorUnit + " extends it by a value that is not known", false},
	} {
		m := Machine{Banks: map[string]Values{"sha256": {9: value, 11: value}}}
		p := Predict(m, Boot{})
		p.start(c.u, m, Boot{})
		for _, n := range []int{9, 11} {
			pcr := p.Banks["sha256"][n]
			assert.Equal(t, c.unknown, pcr.Unknown, name)
			assert.Equal(t, c.unknown != "", pcr.Next == nil, name)
			extended := c.unknown == "" && name != "not met"
			assert.Equal(t, extended, bytes.Equal(extension1(value, "w"), pcr.Next), name)
		}
		assert.Equal(t, c.entered, p.entered, name)
		assert.Nil(t, p.nine, name)
	}
}

// TestRaceOfNvPCRs is noted for each bank before the unit extends, unless something
// pulls in the target that unlocks wait for.
func TestRaceOfNvPCRs(t *testing.T) {
	value := bytes.Repeat([]byte{1}, 32)
	m := Machine{Banks: map[string]Values{"sha256": {9: value}, "sha1": {9: value[:20]}}}
	u := unit{name: nvDoneUnit, extends: []extension{{[]int{9}, "w"}}}
	p := Predict(m, Boot{})
	p.start(u, m, Boot{})
	assert.Equal(t, map[string]PCR{"sha256": {Now: value, Next: value}, "sha1": {Now: value[:20], Next: value[:20]}}, p.nine)
	assert.Equal(t, extension1(value, "w"), p.Banks["sha256"][9].Next)
	p = Predict(m, Boot{})
	p.start(u, m, Boot{Initrd: visited("etc/systemd/system/sysinit.target.wants/cryptsetup-pre.target", "-> x")})
	assert.Nil(t, p.nine)
	p = Predict(m, Boot{})
	p.start(unit{name: nvDoneUnit, conditions: []condition{{"ConditionSecurity", "!tpm2"}}}, m, Boot{})
	assert.Nil(t, p.nine, "it does not start")
}

// TestErrorOfAUnit: one that could not be read may extend every PCR.
func TestErrorOfAUnit(t *testing.T) {
	i := visited("lib/systemd/system/x.wants/"+phaseUnit, "-> x")
	i.Visit(File{Path: "lib/systemd/system/" + phaseUnit, Content: func() ([]byte, error) { return nil, errors.New("damaged") }})
	m := Machine{Banks: map[string]Values{"sha256": {}}}
	for n := range NumPCRs {
		values := m.Banks["sha256"]
		values[n] = bytes.Repeat([]byte{2}, 32)
		m.Banks["sha256"] = values
	}
	for n, pcr := range Predict(m, Boot{Initrd: i}).Banks["sha256"] {
		assert.Equal(t, phaseUnit+" may extend it: content=damaged", pcr.Unknown, n)
	}
}
