package loader_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/u-root/u-root/pkg/cpio"

	"github.com/kexec-bls/kexec-bls/bls/bli"
	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/initrd"
	"github.com/kexec-bls/kexec-bls/loader/preflight"
	"github.com/kexec-bls/kexec-bls/loader/tpm"
)

const (
	diskUUID  = "5f1d6a3e-0000-4000-8000-000000000019"
	separator = "[Unit]\nConditionSecurity=measured-os\n[Service]\nExecStart=/usr/lib/systemd/systemd-pcrextend --graceful --os-separator\n"
	noMeasure = "systemd.tpm2_measured_os=no"
)

// sealed lays a machine out that a measured UKI was booted on by firmware, with a TPM
// whose values and volume were recorded, and an initrd that opens the volume and
// measures. Of the volume's tokens all but those of some numbers are blotted out.
func (f *fake) sealed(tokens ...int) {
	f.t.Helper()
	files := map[string]string{
		"etc/crypttab":                  "root UUID=" + diskUUID + " none tpm2-device=auto\n",
		"sys/firmware/acpi/tables/TPM2": "x",
		"sys/kernel/security/x":         "",
		"efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c":         "\x06\x00\x00\x00\x00",
		"run/log/systemd/tpm2-measure.log":                                "\x1e{\"pcr\":11,\"content\":{\"string\":\"sysinit\"}}\n\x1e{\"pcr\":11,\"content\":{\"string\":\"ready\"}}\n",
		"sys/firmware/efi/efivars/StubPcrKernelImage-" + bli.LoaderVendor: "\x06\x00\x00\x001\x001\x00\x00\x00",
		"dev/disk/by-uuid/" + diskUUID:                                    f.volume(tokens...),
		"esp/b.img":                                                       sealedInitrd(f.t),
	}
	pcrs, err := os.ReadFile("tpm/testdata/running.pcrs")
	require.NoError(f.t, err)
	for line := range strings.Lines(string(pcrs)) {
		field := strings.Fields(line)
		files["sys/class/tpm/tpm0/pcr-"+field[0]+"/"+field[1]] = field[2] + "\n"
	}
	f.write(files)
}

// volume is the recorded header, in which other tokens are of a type that nothing
// knows. Its checksum is made anew.
func (f *fake) volume(tokens ...int) string {
	packed, err := os.ReadFile("tpm/testdata/volume.gz")
	require.NoError(f.t, err)
	r, err := gzip.NewReader(bytes.NewReader(packed))
	require.NoError(f.t, err)
	b, err := io.ReadAll(r)
	require.NoError(f.t, err)
	return keepTokens(f.t, b, tokens)
}

func sealedInitrd(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	w := cpio.Newc.Writer(&b)
	unit := "usr/lib/systemd/system/systemd-pcrosseparator.service"
	for _, r := range []cpio.Record{
		cpio.Directory("etc", 0o755), cpio.StaticFile("etc/initrd-release", "x", 0o644),
		cpio.StaticFile("etc/crypttab", "root UUID="+diskUUID+" none tpm2-device=auto\n", 0o644),
		cpio.Directory("usr", 0o755), cpio.Directory("usr/lib", 0o755), cpio.StaticFile("usr/lib/libtss2-esys.so.0.0.0", "x", 0o644), cpio.Directory("usr/lib/systemd", 0o755), cpio.Directory("usr/lib/systemd/system", 0o755),
		cpio.StaticFile(unit, separator, 0o644), cpio.Directory("usr/lib/systemd/system/sysinit.target.wants", 0o755),
		cpio.Symlink("usr/lib/systemd/system/sysinit.target.wants/systemd-pcrosseparator.service", "../systemd-pcrosseparator.service"),
	} {
		require.NoError(t, w.WriteRecord(r))
	}
	require.NoError(t, cpio.WriteTrailer(w))
	e, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	return string(e.EncodeAll(b.Bytes(), nil))
}

// about is the finding about a volume.
func about(t *testing.T, found []loader.Finding, volume string) loader.Finding {
	t.Helper()
	var of []loader.Finding
	for _, f := range found {
		if f.Volume == volume {
			of = append(of, f)
		}
	}
	require.Len(t, of, 1, "%v", found)
	return of[0]
}

const none, pcr7 = 0, 1

func TestCheckPredictsTheTPM(t *testing.T) {
	f := newFake(t)
	f.sealed(pcr7)
	found := about(t, f.Check(t.Context(), f.plan("other", loader.PlanOptions{}), loader.CheckOptions{}), "root")
	assert.Equal(t, tpm.Unlock, found.ID)
	assert.Equal(t, []int{7}, found.PCRs)
	assert.Regexp(t, `^7:sha256=[0-9a-f]{64}$`, found.Predicted)
	assert.Contains(t, found.Text, "PCR 7 will be extended by os-separator")
	assert.Contains(t, found.Hint, noMeasure)

	p := f.plan("other", loader.PlanOptions{Append: []string{noMeasure}})
	assert.Equal(t, tpm.Opens, about(t, f.Check(t.Context(), p, loader.CheckOptions{}), "root").ID)
	report, err := f.TPM(t.Context(), p, loader.CheckOptions{})
	require.NoError(t, err)
	assert.False(t, report.Prediction.Measured)
	assert.Equal(t, []string{"shutdown", "final"}, report.Prediction.Banks["sha256"][11].Words)
	report, err = f.TPM(t.Context(), p, loader.CheckOptions{Force: true})
	require.NoError(t, err)
	assert.Empty(t, report.Prediction.Banks["sha256"][11].Words, "no service is stopped")

	f.sealed(none)
	assert.Equal(t, tpm.Opens, about(t, f.Check(t.Context(), f.plan("other", loader.PlanOptions{}), loader.CheckOptions{}), "root").ID)
}

// What compresses too well to be decoded by default is not guessed at.
func TestInitrdThatWasNotDecoded(t *testing.T) {
	f := newFake(t)
	f.sealed(pcr7)
	p := f.plan("other", loader.PlanOptions{Limit: 10})
	found := about(t, f.Check(t.Context(), p, loader.CheckOptions{}), "root")
	assert.Equal(t, tpm.Unknown, found.ID)
	assert.Contains(t, found.Text, "the initrd was not decoded")
	assert.Contains(t, found.Hint, string(hint.ReadInitrd))
}

// Without an encrypted volume and a TPM a plan decodes nothing that was not asked for.
func TestInitrdIsDecodedForATPM(t *testing.T) {
	f := newFake(t)
	f.write(map[string]string{"esp/b.img": sealedInitrd(t)})
	assert.False(t, decoded(f), "no TPM")
	f.write(map[string]string{"sys/class/tpm/tpm0/x": ""})
	assert.False(t, decoded(f), "no encrypted volume")
	f.write(map[string]string{"sys/class/block/dm-0/dm/uuid": "CRYPT-LUKS2-0-root\n"})
	assert.True(t, decoded(f))
}

// PCRs are predicted without an encrypted volume where the initrd is decoded anyway.
func TestPCRsWithoutAnEncryptedVolume(t *testing.T) {
	f := newFake(t)
	f.write(map[string]string{"esp/b.img": sealedInitrd(t), "sys/class/tpm/tpm0/pcr-sha256/7": strings.Repeat("07", 32)})
	for verify, next := range map[initrd.Verification]bool{initrd.VerifyNone: false, initrd.VerifyFast: true} {
		p := f.plan("other", loader.PlanOptions{Verify: verify, Append: []string{"systemd.tpm2_measured_os=yes"}})
		r, err := f.TPM(t.Context(), p, loader.CheckOptions{})
		require.NoError(t, err)
		assert.Equal(t, next, r.Prediction.Banks["sha256"][7].Next != nil, r.Prediction.Banks["sha256"][7].Unknown)
	}
}

func decoded(f *fake) bool {
	r := f.load("other")
	return r.Verified
}

func TestAutoMeasuredOS(t *testing.T) {
	f := newFake(t)
	f.sealed(pcr7)
	auto := loader.PlanOptions{AutoMeasuredOS: true}
	p := f.plan("other", auto)
	assert.Equal(t, "other "+noMeasure, p.Cmdline())
	assert.Contains(t, p.Changes(), loader.Change{Added: true, Parameter: noMeasure})
	require.Len(t, p.Findings(), 1)
	assert.Equal(t, loader.FindingMeasuredOS, p.Findings()[0].ID)
	assert.Contains(t, p.Findings()[0].Text, "not measured, which attestation sees")
	assert.Equal(t, tpm.Opens, about(t, f.Check(t.Context(), p, loader.CheckOptions{}), "root").ID)
	require.NoError(t, p.Export(f.path("out")))
	b, err := os.ReadFile(f.path("out/cmdline"))
	require.NoError(t, err)
	assert.Equal(t, "other\n", string(b), "it is for a kexec on this machine")

	assert.Equal(t, "other", f.plan("other", loader.PlanOptions{}).Cmdline(), "only on request")
	auto.Append = []string{"systemd.tpm2_measured_os=yes"}
	assert.Equal(t, "other systemd.tpm2_measured_os=yes", f.plan("other", auto).Cmdline(), "what is set is kept")
	auto.Append, auto.Remove = nil, []string{"systemd.tpm2_measured_os"}
	assert.Equal(t, "other", f.plan("other", auto).Cmdline(), "and so is what is removed")
	auto.Remove = nil
	f.write(map[string]string{"var/lib/systemd/pcrlock.json": "{}"})
	assert.Equal(t, "other", f.plan("other", auto).Cmdline(), "systemd-pcrlock would write an empty policy")
	f.link("/dev/null", "etc/systemd/system/systemd-pcrlock-make-policy.service")
	assert.Equal(t, "other "+noMeasure, f.plan("other", auto).Cmdline())
	f.sealed(none)
	assert.Equal(t, "other", f.plan("other", auto).Cmdline(), "it opens without")
}

// The parameter is not inherited by the next kexec, which may not need it.
func TestReuseStripsMeasuredOS(t *testing.T) {
	f := newFake(t)
	f.write(map[string]string{"proc/cmdline": "quiet " + noMeasure + "\n"})
	assert.Equal(t, "other quiet", f.plan("other", loader.PlanOptions{Reuse: true}).Cmdline())
	assert.NotContains(t, f.plan("other", loader.PlanOptions{}).Changes(), loader.Change{Parameter: noMeasure}, "no entry lost it")
	for _, c := range f.plan("other", loader.PlanOptions{Append: []string{noMeasure}}).Changes() {
		assert.NotEqual(t, noMeasure, c.Parameter, "an entry that has it is as it was")
	}
}

// A command line that becomes too long is refused as any other.
func TestAutoMeasuredOSKeepsTheLimit(t *testing.T) {
	f := newFake(t)
	f.sealed(pcr7)
	p := f.plan("other", loader.PlanOptions{AutoMeasuredOS: true, Append: []string{strings.Repeat("x", 2030)}})
	require.ErrorContains(t, p.Broken(), "the kernel takes at most")
}

func TestCheckLoadedKnowsNoInitrd(t *testing.T) {
	f := newFake(t)
	f.sealed(pcr7)
	f.load("other")
	found := about(t, f.CheckLoaded(loader.CheckOptions{}), "root")
	assert.Equal(t, tpm.Unknown, found.ID)
	assert.Contains(t, found.Text, "the initrd that is loaded cannot be looked at")
}

// A device that hangs does not hold a plan or a report up.
func TestTPMOfAMachineThatHangs(t *testing.T) {
	f := newFake(t)
	f.sealed(pcr7)
	p := f.plan("other", loader.PlanOptions{})
	release := make(chan struct{})
	defer close(release)
	f.Host.FS = hanging{f.Host.FS, release}
	_, err := f.TPM(t.Context(), p, loader.CheckOptions{Timeout: 1})
	require.ErrorIs(t, err, loader.ErrNoAnswer)
}

// hanging is a file system whose disks do not answer.
type hanging struct {
	fs.FS
	release chan struct{}
}

// Open waits for release.
func (h hanging) Open(name string) (fs.File, error) {
	if strings.HasPrefix(name, "dev/") {
		<-h.release
		return nil, errors.New("released")
	}
	return h.FS.Open(name)
}

// keepTokens leaves no token but those with the numbers.
func keepTokens(t *testing.T, b []byte, keep []int) string {
	t.Helper()
	return editTokens(t, b, func(all map[string]json.RawMessage) {
		for number := range all {
			if n, err := strconv.Atoi(number); err != nil || !slices.Contains(keep, n) {
				delete(all, number)
			}
		}
	})
}

// editTokens changes the tokens in both headers.
func editTokens(t *testing.T, b []byte, edit func(map[string]json.RawMessage)) string {
	t.Helper()
	size := int(binary.BigEndian.Uint64(b[8:]))
	for _, at := range []int{0, size} {
		area := b[at+4096 : at+size]
		var header map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(bytes.TrimRight(area, "\x00"), &header))
		var all map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(header["tokens"], &all))
		edit(all)
		var err error
		header["tokens"], err = json.Marshal(all)
		require.NoError(t, err)
		text, err := json.Marshal(header)
		require.NoError(t, err)
		clear(area)
		copy(area, text)
		clear(b[at+448 : at+512])
		sum := sha256.Sum256(b[at : at+size])
		copy(b[at+448:], sum[:])
	}
	return string(b[:2*size])
}

// TestRootIsOnTheVolume: the volume that is open now is the one that crypttab names,
// by another name too, and one finding is about it.
func TestRootIsOnTheVolume(t *testing.T) {
	for name, tt := range map[string]struct {
		mapped string // the name of the open mapping
		tokens []int
		append []string
		want   []loader.FindingID // about the volume
	}{
		"opens":               {"root", []int{none}, nil, []loader.FindingID{tpm.Opens}},
		"by another name":     {"luks-x", []int{none}, nil, []loader.FindingID{tpm.Opens}},
		"does not open":       {"root", []int{pcr7}, nil, []loader.FindingID{tpm.Unlock}},
		"opens, not measured": {"root", []int{pcr7}, []string{noMeasure}, []loader.FindingID{tpm.Opens}},
		"has no token":        {"root", nil, nil, []loader.FindingID{preflight.IDLUKSPassphrase}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.sealed(tt.tokens...)
			hex := strings.ReplaceAll(diskUUID, "-", "")
			f.write(map[string]string{
				"proc/self/mountinfo":          "22 1 254:0 / / rw - ext4 /dev/mapper/" + tt.mapped + " rw\n",
				"sys/class/block/dm-0/dm/uuid": "CRYPT-LUKS2-" + hex + "-" + tt.mapped + "\n", "sys/class/block/dm-0/dm/name": tt.mapped + "\n", "sys/class/block/dm-0/dev": "254:0\n",
				"sys/class/block/dm-0/slaves/vda2/partition": "2\n", "sys/block/dm-0/dm/name": tt.mapped + "\n",
			})
			f.link("../../class/block/dm-0", "sys/dev/block/254:0")
			var got []loader.FindingID
			for _, x := range f.Check(t.Context(), f.plan("other", loader.PlanOptions{Append: tt.append}), loader.CheckOptions{}) {
				if x.Volume != "" || x.ID == preflight.IDLUKSPassphrase {
					got = append(got, x.ID)
				}
			}
			assert.Equal(t, tt.want, got)
		})
	}
}
