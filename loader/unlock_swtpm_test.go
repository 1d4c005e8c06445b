//go:build e2e

package loader_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/u-root/u-root/pkg/cpio"

	"github.com/kexec-bls/kexec-bls/fixtures/vm"
	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/reboot"
)

// A bench is a machine with the programs of Debian unstable and a software TPM. Its
// firmware, boot loader and initrd are played: they measure what real ones do, with
// systemd's own program where there is one.
type bench struct {
	*fake
	tree, state string
	port        int
	swtpm       *exec.Cmd
}

// newBench makes a volume with a passphrase and, by sealed, a key that the TPM releases
// in every start by firmware.
func newBench(t *testing.T, sealed bool) *bench {
	t.Helper()
	require.Zero(t, os.Getuid(), "it needs root, for chroot")
	b := &bench{fake: newLocked(t), tree: vm.FindDebian(t, vm.Sid).Unpack(t), state: t.TempDir()}
	b.Init.ExtendPCR = func(n int, digest [32]byte) error {
		return b.raw(func(tpm net.Conn) error { return reboot.ExtendPCR(tpm, n, digest) })
	}
	b.Init.ResetPCR = func(n int) error { return b.raw(func(tpm net.Conn) error { return reboot.ResetPCR(tpm, n) }) }
	real := reboot.Running()
	b.Init.Enroll = func(ctx context.Context, e reboot.Enrolment) error { b.flush(); return real.Enroll(ctx, e) }
	b.Init.WipeSlots = real.WipeSlots

	b.firmware("image")
	b.sh("truncate -s 20M /disk; printf pass | cryptsetup luksFormat -q --type luks2 --uuid " + diskUUID + " --pbkdf pbkdf2 --pbkdf-force-iterations 1000 /disk -; printf pass >/key; chmod 600 /key")
	if sealed {
		b.sh("systemd-cryptenroll --unlock-key-file=/key --tpm2-device=swtpm:port=" + fmt.Sprint(b.port) + " --tpm2-public-key= --tpm2-pcrs=7 /disk")
	}
	require.NoError(t, os.Remove(b.path(disk[1:])))
	b.link(filepath.Join(b.tree, "disk"), disk[1:])
	b.programs()
	return b
}

// programs puts the program of the tree into PATH. It finds the disk and the TPM there.
func (b *bench) programs() {
	script := fmt.Sprintf(`#!/bin/sh
for a; do
	shift
	case $a in
	--tpm2-device=auto | --unlock-tpm2-device=auto) a=${a%%auto}swtpm:port=%d ;;
	%s) a=/disk ;;
	esac
	set -- "$@" "$a"
done
exec unshare --mount sh -ec 'mount --bind /dev %[3]s/dev; mount --bind /proc %[3]s/proc; exec chroot %[3]s systemd-cryptenroll "$@"' sh "$@"
`, b.port, disk, b.tree)
	dir := b.t.TempDir()
	require.NoError(b.t, os.WriteFile(filepath.Join(dir, "systemd-cryptenroll"), []byte(script), 0o755))
	b.t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

// run runs a command in the tree.
func (b *bench) run(command string) (string, error) {
	const enter = `mount --bind /dev "$0/dev"; mount --bind /proc "$0/proc"; mount -t tmpfs tmpfs "$0/run"; exec chroot "$0" sh -ec "$1"`
	cmd := exec.Command("unshare", "--mount", "sh", "-ec", enter, b.tree, command)
	cmd.Env = []string{"PATH=/usr/bin:/usr/sbin", "SYSTEMD_FORCE_MEASURE=1", "SYSTEMD_LOG_LEVEL=warning", fmt.Sprintf("TPM2TOOLS_TCTI=swtpm:port=%d", b.port)}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (b *bench) sh(command string) string {
	b.t.Helper()
	out, err := b.run(command)
	require.NoError(b.t, err, "%s: %s", command, out)
	return out
}

// raw sends commands of ours to the TPM, whose PCRs are shown anew then.
func (b *bench) raw(do func(net.Conn) error) error {
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", b.port))
	require.NoError(b.t, err)
	err = do(c)
	require.NoError(b.t, c.Close())
	b.show()
	return err
}

// flush drops what a program left in the TPM; a resource manager would.
func (b *bench) flush() { b.sh("tpm2_flushcontext -t; tpm2_flushcontext -s; tpm2_flushcontext -l") }

// show lays the PCRs out as the kernel shows them.
func (b *bench) show() {
	files := map[string]string{}
	bank := ""
	for line := range strings.Lines(b.sh("tpm2_pcrread sha1:all+sha256:all")) {
		n, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		if value = strings.TrimSpace(value); !ok {
			continue
		}
		if value == "" {
			bank = n
			continue
		}
		files["sys/class/tpm/tpm0/pcr-"+bank+"/"+strings.TrimSpace(n)] = strings.TrimPrefix(value, "0x") + "\n"
	}
	require.Len(b.t, files, 48)
	b.write(files)
}

// words measures words into a PCR, as systemd-stub and PID 1 do.
func (b *bench) words(n int, words ...string) {
	var script strings.Builder
	for _, w := range words {
		fmt.Fprintf(&script, "tpm2_pcrextend %[1]d:sha1=$(printf %%s '%[2]s' | sha1sum | cut -d' ' -f1),sha256=$(printf %%s '%[2]s' | sha256sum | cut -d' ' -f1)\n", n, w)
	}
	b.sh(script.String())
}

// power cuts the power and switches it on.
func (b *bench) power() {
	b.t.Helper()
	if b.swtpm != nil {
		require.NoError(b.t, b.swtpm.Process.Kill())
		_ = b.swtpm.Wait()
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b.t, err)
	if b.port == 0 { // the script has it then
		b.port = l.Addr().(*net.TCPAddr).Port
	}
	require.NoError(b.t, l.Close())
	b.swtpm = exec.Command("swtpm", "socket", "--tpm2", "--tpmstate", "dir="+b.state, "--server", fmt.Sprintf("type=tcp,port=%d", b.port),
		"--ctrl", fmt.Sprintf("type=tcp,port=%d", b.port+1), // where libtss2 looks for it
		"--flags", "not-need-init,startup-clear")
	require.NoError(b.t, b.swtpm.Start())
	swtpm := b.swtpm
	b.t.Cleanup(func() {
		_ = swtpm.Process.Kill()
		_ = swtpm.Wait()
	})
	for range 100 {
		if _, err := b.run("tpm2_pcrread sha256:0"); err == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	require.Fail(b.t, "swtpm does not answer")
}

// firmware starts an image of an operating system through firmware, until it is up.
func (b *bench) firmware(image string) {
	b.t.Helper()
	b.power()
	for n := range 8 {
		b.words(n, fmt.Sprint("firmware ", n))
	}
	b.words(11, ".linux", image)
	b.initrd()
	b.up()
}

// initrd runs what the units of the initrd run.
func (b *bench) initrd() {
	for _, unit := range []string{"systemd-pcrosseparator", "systemd-pcrphase-initrd", "systemd-pcrnvdone"} {
		command := strings.ReplaceAll(b.unit(unit+".service"), "\\\n", " ")
		_, command, _ = strings.Cut(command, "\nExecStart=")
		command, _, _ = strings.Cut(command, "\n")
		b.sh(strings.Replace(command, "--graceful", fmt.Sprintf("--tpm2-device=swtpm:port=%d", b.port), 1))
	}
	b.show()
}

func (b *bench) unit(name string) string {
	text, err := os.ReadFile(filepath.Join(b.tree, "usr/lib/systemd/system", name))
	require.NoError(b.t, err)
	return string(text)
}

// up is what the system measures from the switch of the root until it is up, stop what
// it does as it stops.
func (b *bench) up() {
	b.words(11, "leave-initrd", "sysinit", "ready")
	b.words(15, "machine-id:0123456789abcdef0123456789abcdef")
	b.show()
}

func (b *bench) stop() {
	b.words(11, "shutdown", "final")
	b.show()
}

// opens reports whether systemd opens a volume by the TPM now. A recovery key is the
// proof.
func (b *bench) opens(volume string) bool {
	b.flush()
	out, err := b.run(fmt.Sprintf("cp --sparse=always %s /copy; systemd-cryptenroll --unlock-tpm2-device=swtpm:port=%d --recovery-key /copy", volume, b.port))
	b.t.Logf("opens: %v %s", err == nil, strings.TrimSpace(out))
	return err == nil
}

// keys are the numbers of key slots and tokens of the volume.
func (b *bench) keys() string {
	return b.sh(`cryptsetup luksDump --dump-json-metadata /disk | grep -cE '"(luks2|systemd-tpm2)"' || :`)
}

// planned is a plan for an initrd with the real units.
func (b *bench) planned(opt loader.PlanOptions) *loader.Plan {
	records := []cpio.Record{cpio.Directory("etc", 0o755), cpio.StaticFile("etc/initrd-release", "x", 0o644), cpio.StaticFile("etc/crypttab", "root UUID="+diskUUID+" none tpm2-device=auto\n", 0o644),
		cpio.Directory("usr", 0o755), cpio.Directory("usr/lib", 0o755), cpio.StaticFile("usr/lib/libtss2-esys.so.0", "x", 0o644),
		cpio.Directory("usr/lib/systemd", 0o755), cpio.Directory("usr/lib/systemd/system", 0o755), cpio.Directory("usr/lib/systemd/system/sysinit.target.wants", 0o755)}
	for _, unit := range []string{"systemd-pcrosseparator.service", "systemd-pcrphase-initrd.service", "systemd-pcrnvdone.service"} {
		records = append(records, cpio.StaticFile("usr/lib/systemd/system/"+unit, b.unit(unit), 0o644), cpio.Symlink("usr/lib/systemd/system/sysinit.target.wants/"+unit, "../"+unit))
	}
	b.write(map[string]string{"esp/b.img": string(vm.Zstd(b.t, vm.Archive(b.t, records...)))})
	return b.plan("other.conf", opt)
}

// TestUnlockWithSystemd: a token that systemd-cryptenroll makes for a kexec opens in the
// initrd of that kexec and at no other time: not before it, not in the system after
// it, not after a second one, not after a power cut, in a start of the same, an older or
// a newer image, nor after a kexec from there. It is removed, and nothing else is.
func TestUnlockWithSystemd(t *testing.T) {
	for name, c := range map[string]struct {
		opt      loader.PlanOptions
		sealed   bool
		measured bool
	}{
		"measured":                {measured: true},
		"not measured":            {opt: loader.PlanOptions{Append: []string{noMeasure}}},
		"with a key from the TPM": {measured: true, sealed: true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, c.sealed)
			before := b.keys()
			unlock := loader.UnlockOptions{KeyFile: "/key"}
			if c.sealed {
				unlock.KeyFile = ""
			}
			require.NoError(t, b.Reboot(t.Context(), b.planned(c.opt), loader.RebootOptions{Unlock: &unlock}))
			require.NotEqual(t, before, b.keys())
			b.sh("cp /disk /made")
			if c.sealed {
				b.sh("systemd-cryptenroll --wipe-slot=1 /made")
			}
			assert.False(t, b.opens("/made"), "before the kexec")

			b.stop()
			if c.measured {
				assert.False(t, b.opens("/made"), "at the end of the shutdown")
				b.initrd()
			}
			assert.True(t, b.opens("/made"), "in the initrd of the kexec")
			if c.measured {
				b.up()
				assert.False(t, b.opens("/made"), "in the system after it")
				b.stop()
				b.initrd()
				assert.False(t, b.opens("/made"), "after a second kexec")
			}
			_, err := b.EndUnlock(t.Context())
			require.NoError(t, err)
			assert.Equal(t, before, b.keys(), "it is removed")
			assert.False(t, b.opens("/made"), "the value of PCR 23 is gone")

			for _, image := range []string{"image", "older", "newer"} {
				b.firmware(image)
				assert.False(t, b.opens("/made"), "a start of %s", image)
				b.stop()
				assert.False(t, b.opens("/made"), "and its end")
				b.initrd()
				assert.False(t, b.opens("/made"), "and a kexec from there")
			}
		})
	}
}
