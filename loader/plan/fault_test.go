package plan_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/loader/plan"
)

// everything is a unified kernel image with all that goes with it.
func everything() map[string]string {
	addon := func(who string) string { return image(".ucode", "U"+who, ".initrd", "I"+who, ".cmdline", who) }
	return map[string]string{
		"u.efi":                image(".osrel", osrel, ".cmdline", "own", ".linux", kernel(), ".initrd", "main", ".uname", "6.1", ".pcrsig", "{}"),
		"u.efi.extra.d/a.cred": "a", "u.efi.extra.d/s.sysext.raw": "s", "u.efi.extra.d/c.confext.raw": "c", "u.efi.extra.d/l.addon.efi": addon("l"),
		"loader/addons/g.addon.efi":  addon("g"),
		"loader/credentials/gc.cred": "g", "loader/extensions/s.raw": "s",
		"e/x.cred": "X",
		"t.efi":    image(".linux", "/k", ".linuxh", sha(kernel()), ".initrd", "/i", ".initrdh", sha("main")),
		"k":        kernel(), "i": "main",
	}
}

// TestDiskErrorIsNoSmallerPlan: what cannot be read or listed is not left out in
// silence, whichever of all the files it is.
func TestDiskErrorIsNoSmallerPlan(t *testing.T) {
	for _, entry := range []string{"uki /u.efi\nextra /e/x.cred\n", "linux /u.efi\ninitrd /e/x.cred\ninitrd /u.efi\noptions a\n", "uki /t.efi\n"} {
		src := partition(t, everything())
		whole := make1(t, src, entry, plan.Firmware{})
		questions := 0
		for n := 1; ; n++ {
			left := n
			fails := func(p string) error {
				if left--; left == 0 {
					return &os.PathError{Op: "open", Path: p, Err: syscall.EIO}
				}
				return nil
			}
			bad := plan.Source{
				Open: func(p string) (*os.File, error) {
					if err := fails(p); err != nil {
						return nil, err
					}
					return src.Open(p)
				},
				Names: func(p string) ([]string, error) {
					if err := fails(p); err != nil {
						return nil, err
					}
					return src.Names(p)
				},
				Where: src.Where,
			}
			p, err := plan.Make(type1(t, entry), bad, plan.Firmware{}, plan.Options{})
			if err == nil {
				assert.Positive(t, left, "question %d", n)
				assert.Equal(t, origins(whole), origins(p))
				require.NoError(t, p.Close())
				break
			}
			questions++
			require.ErrorIs(t, err, syscall.EIO, "question %d", n)
		}
		assert.GreaterOrEqual(t, questions, strings.Count(entry, "/"), entry)
	}
}

// TestUnreadableSections: a section that is not in the file is never as if it were not
// there.
func TestUnreadableSections(t *testing.T) {
	far := func(name string) string {
		b := []byte(image(".linux", kernel(), ".osrel", osrel, name, "x"))
		const row = 0x40 + 24 + 0xf0 + 2*40
		copy(b[row+20:], "\xff\xff\xff\x7f") // its offset
		return string(b)
	}
	for _, name := range []string{".initrd", ".ucode", ".cmdline", ".uname", ".pcrsig", ".pcrpkey", ".dtb"} {
		_, err := plan.Make(type1(t, "uki /u.efi\n"), partition(t, map[string]string{"u.efi": far(name)}), plan.Firmware{}, plan.Options{})
		require.ErrorIs(t, err, uki.ErrTruncated, name)
		assert.ErrorContains(t, err, "/boot/u.efi: ")
	}
}

// TestBootSecretThatIsMissing: the image boots without it, and the user is told
// where there should be one.
func TestBootSecretThatIsMissing(t *testing.T) {
	for name, tt := range map[string]struct {
		osrel    string
		file     *os.File
		err      error
		warnings []string
	}{
		"none":           {osrel, nil, nil, nil},
		"cannot be made": {osrel, nil, errors.New("no key"), []string{"the boot secret is not passed on: no key"}},
		"of no system":   {"VERSION=1\n", nil, errors.New("never asked"), nil},
		"without .osrel": {"", nil, errors.New("never asked"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			sections := []string{".linux", kernel()}
			if tt.osrel != "" {
				sections = append(sections, ".osrel", tt.osrel)
			}
			fw := plan.Firmware{BootSecret: func(uki.OSRelease) (*os.File, error) { return tt.file, tt.err }}
			p := make1(t, partition(t, map[string]string{"u.efi": image(sections...)}), "uki /u.efi\n", fw)
			assert.Equal(t, tt.warnings, p.Warnings)
		})
	}
	gone, err := os.CreateTemp(t.TempDir(), "secret")
	require.NoError(t, err)
	require.NoError(t, gone.Close())
	fw := plan.Firmware{BootSecret: func(uki.OSRelease) (*os.File, error) { return gone, nil }}
	_, err = plan.Make(type1(t, "uki /u.efi\n"), partition(t, map[string]string{"u.efi": image(".linux", kernel(), ".osrel", osrel)}), fw, plan.Options{})
	require.ErrorIs(t, err, os.ErrClosed, "a secret that was found and cannot be read")
}

// TestManyCompanions: a folder of hundreds is named by its first.
func TestManyCompanions(t *testing.T) {
	files := map[string]string{"u.efi": image(".linux", kernel())}
	for i := range 20 {
		files[fmt.Sprintf("u.efi.extra.d/%02d.cred", i)] = "x"
	}
	p := make1(t, partition(t, files), "uki /u.efi\n", plan.Firmware{})
	assert.Equal(t, []string{"generated: /.extra/credentials (00.cred, 01.cred, 02.cred, 03.cred, 04.cred, 05.cred, 06.cred, 07.cred, 12 more)"}, origins(p))
	assert.Equal(t, 20, strings.Count(blobOf(t, p), ".cred\x00"))
}

// TestCmdlineLimits: on x86 the kernel's header counts, less what the kernel adds.
func TestCmdlineLimits(t *testing.T) {
	for goarch, want := range map[string]int{"amd64": 2016, "arm64": 2047, "ppc64le": 2047, "riscv64": 1023, "loong64": 4095, "s390x": 4095, "mips": 0} {
		assert.Equal(t, want, plan.CmdlineLimit(uki.Kernel{CmdlineSize: 2047}, goarch), goarch)
	}
	assert.Zero(t, plan.CmdlineLimit(uki.Kernel{CmdlineSize: 20}, "amd64"))
}

// TestSegment is the larger of both files, the kernel as large as it unpacks.
func TestSegment(t *testing.T) {
	k := int64(len(kernel()))
	p := make1(t, partition(t, map[string]string{"v": kernel(), "a": strings.Repeat("a", 50_000), "b": strings.Repeat("b", 50_000)}), "linux /v\ninitrd /a\ninitrd /b\n", plan.Firmware{})
	assert.Less(t, k, int64(100_000))
	assert.EqualValues(t, 100_000, p.Segment(0))
	assert.EqualValues(t, 200_000, p.Segment(200_000))
	assert.Equal(t, k, make1(t, partition(t, map[string]string{"v": kernel()}), "linux /v\n", plan.Firmware{}).Segment(0))
}

// TestCertificates of the kernel that is loaded.
func TestCertificates(t *testing.T) {
	src := partition(t, map[string]string{"signed": signed(image(".text", "x")), "unsigned": image(".text", "x"), "no-pe": "text", "cut": signed(image(".text", "x"))[:1000]})
	table := func(name string, limit int64) (string, error) {
		b, err := make1(t, src, "linux /"+name+"\n", plan.Firmware{}).Certificates(limit)
		return string(b), err
	}
	got, err := table("signed", 8)
	require.NoError(t, err)
	assert.Equal(t, "\x08\x00\x00\x00\x00\x02\x02\x00", got)
	got, err = table("unsigned", 8)
	require.NoError(t, err)
	assert.Empty(t, got)
	_, err = table("signed", 7)
	require.ErrorIs(t, err, uki.ErrTruncated)
	_, err = table("cut", 8)
	require.ErrorIs(t, err, uki.ErrTruncated)
	_, err = table("no-pe", 8)
	require.ErrorIs(t, err, uki.ErrNotPE)
}

func TestSecureBootError(t *testing.T) {
	why := errors.New("signed by nobody")
	err := &plan.SecureBootError{Name: "/boot/u.efi", Err: why}
	require.EqualError(t, err, "/boot/u.efi: with Secure Boot the firmware does not start it: signed by nobody")
	require.ErrorIs(t, err, why)
}
