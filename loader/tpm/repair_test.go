package tpm_test

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/loader/internal/finding"
	"github.com/kexec-bls/kexec-bls/loader/tpm"
)

// The advice to bind to PCR 7 names the device as systemd-cryptenroll takes it.
func TestDevicesToBind(t *testing.T) {
	old := tpm.Boot{Initrd: files{}.initrd()}
	for source, c := range map[string]struct{ option, device string }{
		"UUID=ABC":                {"", "/dev/disk/by-uuid/abc"},
		"LABEL=data":              {"", "/dev/disk/by-label/data"},
		"ID=nvme-x":               {"", "/dev/disk/by-id/nvme-x"},
		`PARTLABEL="a"`:           {"", "/dev/disk/by-partlabel/a"},
		"/dev/vda2":               {"", "/dev/vda2"},
		"/dev/disk/by-uuid/ABC":   {"", "/dev/disk/by-uuid/abc"},
		"/dev/vda3":               {"header=/boot/h", "DEVICE"},
		"/dev/gpt-auto-root-luks": {"", "DEVICE"},
	} {
		v := root(t, pcr11)
		v.Source, v.Options = source, []string{c.option}
		f := only(t, tpm.Check(running(t), old, []tpm.Volume{v}))
		assert.Equal(t, "bind it to PCR 7, which does not change: systemd-cryptenroll --tpm2-device=auto --tpm2-pcrs=7:sha256 "+c.device+", or have its passphrase ready", f.Hint)
	}
}

// The advice takes out what systemd-cryptenroll would add by itself, each alone.
func TestOptionsOfTheAdvice(t *testing.T) {
	old := tpm.Boot{Initrd: files{}.initrd()}
	for want, c := range map[string]struct{ key, lock bool }{
		"7:sha256 /dev":                                     {false, false},
		"7:sha256 --tpm2-public-key= /dev":                  {true, false},
		"7:sha256 --tpm2-pcrlock= /dev":                     {false, true},
		"7:sha256 --tpm2-public-key= --tpm2-pcrlock= /dev/": {true, true},
	} {
		m := running(t)
		m.SigningKey, m.PCRLockUsed = c.key, c.lock
		assert.Contains(t, only(t, tpm.Check(m, old, []tpm.Volume{root(t, pcr11)})).Hint, want)
	}
	m := running(t)
	delete(m.Banks, "sha256")
	assert.NotContains(t, only(t, tpm.Check(m, old, []tpm.Volume{root(t, pcr11)})).Hint, "bind", "there is no such bank")
}

// A parameter is the fix where it opens one more and closes none that opens, whatever
// the order of volumes; one that opens nothing is none.
func TestWhatIsAFix(t *testing.T) {
	const no = "systemd.tpm2_measured_os=no"
	measured := bound(t, tpm.Predict(running(t), boot("")), 7)
	better, same := root(t, pcr7), root(t, none)
	mine := root(t, pcr7)
	mine.Key = "/key"
	for name, c := range map[string]struct {
		volumes []tpm.Volume
		want    string
	}{
		"one opens":                {[]tpm.Volume{better}, no},
		"one opens, another stays": {[]tpm.Volume{same, better}, no},
		"one stays":                {[]tpm.Volume{same}, ""},
		"one would close":          {[]tpm.Volume{measured}, ""},
		"one would close, first":   {[]tpm.Volume{measured, better}, ""},
		"one would close, last":    {[]tpm.Volume{better, measured}, ""},
		"of no TPM":                {[]tpm.Volume{mine}, ""},
		"none":                     {nil, ""},
	} {
		assert.Equal(t, c.want, tpm.Check(running(t), boot(""), c.volumes).Fix, name)
		assert.Equal(t, c.want, tpm.Check(running(t), boot("quiet"), c.volumes).Fix, name)
	}
	r := tpm.Check(running(t), boot(""), []tpm.Volume{better, root(t, pcr11)})
	require.Len(t, r.Findings, 2)
	assert.Contains(t, r.Findings[0].Hint, "add the kernel parameter "+no)
	assert.Equal(t, "have its passphrase ready", r.Findings[1].Hint, "it does not open with the parameter either")
}

// The warning of an empty policy is whole, and only where the machine may write one.
func TestEmptiedPolicyInWords(t *testing.T) {
	m := running(t)
	m.PCRLock, _ = lock(t, false, fmt.Sprintf("%x", recordedBanks(t, "running")["sha256"][7]))
	m.PCRLockUsed, m.MakePolicy = true, tpm.UnitEnabled
	const unmeasured = "systemd.tpm2_measured_os=no"
	assert.Equal(t, finding.Finding{ID: tpm.PCRLock, Severity: finding.Error,
		Text: "after this kexec systemd-pcrlock-make-policy.service would write an empty policy, and volumes bound to systemd-pcrlock would open in any state",
		Hint: "add the kernel parameter systemd.mask=systemd-pcrlock-make-policy.service, and run no update that calls systemd-pcrlock before the next boot through firmware",
	}, only(t, tpm.Check(m, boot(unmeasured), nil)))
	unread := m
	unread.PCRLock = nil
	assert.Equal(t, tpm.PCRLock, only(t, tpm.Check(unread, boot(unmeasured), nil)).ID, "it may be met, as far as is known")
	m.Stub = false
	assert.Empty(t, tpm.Check(m, boot(unmeasured), nil).Findings, "the condition measured-uki is not met")
	m.Stub, m.PCRLockUsed = true, false
	assert.Empty(t, tpm.Check(m, boot(unmeasured), nil).Findings, "nothing uses systemd-pcrlock")
	assert.NotEmpty(t, tpm.Check(m, withLock(unmeasured), nil).Findings, "a credential does")
}

// What is to be done about a volume of which nothing is certain depends on why.
func TestHintsOfUnknownVolumes(t *testing.T) {
	v := root(t)
	v.Options = []string{"tpm2-device=auto"}
	for want, err := range map[string]error{"run it as root": &fs.PathError{Op: "open", Path: "/dev/vda2", Err: fs.ErrPermission}, "have its passphrase ready": errors.New("damaged")} {
		v.Err = err
		f := only(t, tpm.Check(running(t), boot(""), []tpm.Volume{v}))
		assert.Equal(t, finding.Finding{ID: tpm.Unknown, Severity: finding.Warning, Volume: "root", Hint: want,
			Text: "cannot determine whether the TPM opens root: its LUKS2 header cannot be read: " + err.Error()}, f)
	}
	v.Err, v.Key = nil, "/k"
	assert.Equal(t, "cannot determine whether the TPM opens root: its key is in the file /k", only(t, tpm.Check(running(t), boot(""), []tpm.Volume{v})).Text)
}

// A volume that something else opens is none of the TPM's, by whatever is asked first.
func TestVolumesOfOtherKeys(t *testing.T) {
	for option, bound := range map[string]bool{
		"": true, "keyscript=/x": false, "fido2-device=auto": false, "pkcs11-uri=auto": false, "discard": true,
		"fido2-device=auto,tpm2-device=auto": true,
	} {
		v := root(t, none)
		for line := range fields(option) {
			v.Options = append(v.Options, line)
		}
		assert.Len(t, tpm.Check(running(t), boot(""), []tpm.Volume{v}).Findings, map[bool]int{true: 1}[bound], option)
	}
}

// A PCR that another volume's key is measured into is not known: which, and whose, is
// decided by options of crypttab.
func TestPCRsOfVolumeKeys(t *testing.T) {
	for option, pcr := range map[string]int{"yes": 15, "15": 15, "true": 15, "14": 14, "0": 0, "23": 23, "no": -1, "": -1, "24": -1, "-1": -1} {
		for _, initrd := range []bool{true, false} {
			other := tpm.Volume{Name: "other", Initrd: initrd, Options: []string{"tpm2-measure-pcr=" + option}}
			for _, n := range []int{0, 14, 15, 23} {
				v := bound(t, tpm.Predict(running(t), boot("")), n)
				f := only(t, tpm.Check(running(t), boot(""), []tpm.Volume{v, other}))
				assert.Equal(t, n == pcr && initrd, f.ID == tpm.Unknown, "%q: PCR %d, in the initrd: %v", option, n, initrd)
			}
		}
	}
	m, other := running(t), tpm.Volume{Name: "other", Initrd: true, Options: []string{"tpm2-measure-pcr=yes"}}
	const unmeasured = "systemd.tpm2_measured_os=no"
	v := bound(t, tpm.Predict(m, boot(unmeasured)), 15)
	assert.Equal(t, tpm.Opens, only(t, tpm.Check(m, boot(unmeasured), []tpm.Volume{v, other})).ID, "nothing is measured then")
}
