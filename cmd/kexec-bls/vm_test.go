//go:build vm

package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/u-root/u-root/pkg/cpio"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/report"
	"github.com/kexec-bls/kexec-bls/fixtures/vm"
	"github.com/kexec-bls/kexec-bls/loader"
)

// A layer is an archive that says who it is, and overrides a common path.
func layer(t *testing.T, name string, more ...cpio.Record) []byte {
	return vm.Archive(t, append(more,
		cpio.StaticFile("who/"+name, name, 0o644),
		cpio.StaticFile("who/last", name, 0o644))...)
}

// bootFiles is an ESP with a default entry of three initrds, another entry,
// and what the tests of bad input need.
func bootFiles(t *testing.T, kernel vm.Kernel) map[string][]byte {
	ucode := layer(t, "ucode", cpio.StaticFile("kernel/x86/microcode/GenuineIntel.bin", "not microcode", 0o644))
	image := append(vm.AgentFiles(t), kernel.ModuleFiles(t, vm.DiskModules()...)...)
	entry := func(lines ...string) []byte { return []byte(strings.Join(lines, "\n") + "\n") }
	return map[string][]byte{
		"vmlinuz":            kernel.Bytes(t),
		"ucode.img":          ucode,
		"main.img":           vm.Zstd(t, layer(t, "main", image...)),
		"extra.img":          layer(t, "extra"),
		"empty.img":          nil,
		"whole.img":          vm.Zstd(t, vm.Archive(t, image...)),
		"cut":                kernel.Bytes(t)[:len(kernel.Bytes(t))/2],
		"empty-kernel":       nil,
		"loader/loader.conf": entry("timeout 3", "default ARCH*"),
		"loader/entries/arch.conf": entry("title Arch Linux", "linux /vmlinuz", "initrd /ucode.img", "initrd /main.img",
			"initrd /empty.img", "initrd /extra.img", "options "+vm.Cmdline, "options entry=arch"),
		"loader/entries/zz-other.conf": entry("title Other", "linux /vmlinuz", "initrd /whole.img", "options "+vm.Cmdline+" entry=other"),
		"loader/entries/cut.conf":      entry("linux /cut", "initrd /main.img"),
		"loader/entries/hollow.conf":   entry("linux /empty-kernel"),
		"loader/entries/nokernel.conf": entry("linux /missing"),
		"loader/entries/noinitrd.conf": entry("linux /vmlinuz", "initrd /missing"),
		"loader/entries/dir.conf":      entry("linux /vmlinuz", "initrd /loader"),
		"loader/entries/dots.conf":     entry("linux /vmlinuz", "initrd /../etc/passwd"),
		"loader/entries/long.conf":     entry("linux /vmlinuz", "options "+strings.Repeat("x", 2017)),
		"loader/entries/fits.conf":     entry("linux /vmlinuz", "options "+strings.Repeat("x", 2016)),
		"loader/entries/huge.conf":     entry("linux /vmlinuz", "options "+strings.Repeat("x", 1<<19)),
		"loader/entries/junk.conf":     []byte("\x00\xff\x7fELF\n\x01\x02 \x80\n"),
	}
}

// startGuest boots a guest with our binary and the ESP at /efi.
func startGuest(t *testing.T, files map[string][]byte) *vm.Guest {
	g := vm.Start(t, vm.Config{
		Memory: 768,
		Files: map[string][]byte{
			"bin/kexec-bls": vm.Build(t, "."),
			"bin/nosys":     vm.Build(t, "github.com/kexec-bls/kexec-bls/fixtures/vm/testdata/nosys"),
		},
		Disks: []string{vm.Disk(t, vm.Partition{Files: files})},
	})
	g.Mount("/dev/vda1", "/efi")
	return g
}

func TestVMRebootsIntoTheDefault(t *testing.T) {
	g := startGuest(t, bootFiles(t, vm.FindKernel(t, vm.DefaultKernel)))
	var list []report.Entry
	require.NoError(t, json.Unmarshal([]byte(g.MustRun("kexec-bls list --json=short")), &list))
	for _, e := range list {
		assert.Equal(t, e.ID == "arch.conf", e.IsDefault, e.ID)
	}

	refused := g.Run("kexec-bls reboot")
	assert.Equal(t, 1, refused.Code)
	assert.Contains(t, refused.Stderr, "reboot --force")
	assert.Equal(t, "0", g.MustRun("cat /sys/kernel/kexec_loaded"), "nothing is loaded by a refusal")
	dry := g.MustRun("kexec-bls reboot --force --dry-run")
	assert.Contains(t, dry, "loader.conf default ARCH*")
	assert.Equal(t, "0", g.MustRun("cat /sys/kernel/kexec_loaded"))

	g.Reboot("kexec-bls reboot --force")

	assert.Equal(t, vm.Cmdline+" entry=arch", g.MustRun("cat /proc/cmdline"))
	assert.Equal(t, "208", g.MustRun("cat /proc/sys/kernel/bootloader_type"), "a kexec did it")
	assert.Equal(t, "extra\nlast\nmain\nucode", g.MustRun("ls /who"), "all three archives were unpacked")
	assert.Equal(t, "extra", g.MustRun("cat /who/last"), "the last one won")
	assert.Equal(t, "not microcode", g.MustRun("cat /kernel/x86/microcode/GenuineIntel.bin"))
}

func TestVMLoadStatusUnload(t *testing.T) {
	g := startGuest(t, bootFiles(t, vm.FindKernel(t, vm.DefaultKernel)))
	state := func() (int, report.Status) {
		var r report.Status
		result := g.Run("kexec-bls status --json=short")
		require.NoError(t, json.Unmarshal([]byte(result.Stdout), &r), result.Stderr)
		return result.Code, r
	}
	code, r := state()
	assert.Equal(t, exitNone, code)
	assert.Equal(t, loader.None, r.State)

	g.MustRun("kexec-bls load zz-other")
	code, r = state()
	assert.Equal(t, exitDone, code)
	assert.Equal(t, loader.Fresh, r.State)
	assert.EqualValues(t, "zz-other.conf", r.Loaded.Entry.ID)
	assert.EqualValues(t, "arch.conf", r.Next.ID)
	assert.Equal(t, "600", g.MustRun("stat -c %a /run/kexec-bls/loaded.json"))
	sum := strings.Fields(g.MustRun("sha256sum /efi/whole.img"))[0]
	assert.Equal(t, sum, r.Loaded.Files[1].SHA256)

	// A load that fails keeps what was loaded, and the receipt of it.
	assert.Equal(t, exitFailed, g.Run("kexec-bls load cut").Code)
	_, r = state()
	assert.EqualValues(t, "zz-other.conf", r.Loaded.Entry.ID)

	g.MustRun("kexec-bls unload")
	code, _ = state()
	assert.Equal(t, exitNone, code)
	assert.Equal(t, "0", g.MustRun("cat /sys/kernel/kexec_loaded"))

	g.MustRun("kexec-bls load && printf 'options more\\n' >> /efi/loader/entries/arch.conf && printf x >> /efi/extra.img")
	code, r = state()
	assert.Equal(t, exitStale, code)
	assert.Contains(t, strings.Join(r.Reasons, " "), "/efi/extra.img")

	g.MustRun("kexec-bls load fits && rm -r /run/kexec-bls")
	code, r = state()
	assert.Equal(t, exitForeign, code)
	assert.Equal(t, loader.Foreign, r.State)

	g.MustRun("kexec-bls load zz-other")
	g.Reboot("kexec-bls reboot --loaded --force")
	assert.Equal(t, vm.Cmdline+" entry=other", g.MustRun("cat /proc/cmdline"))
}

func TestVMLoadByHand(t *testing.T) {
	g := startGuest(t, bootFiles(t, vm.FindKernel(t, vm.DefaultKernel)))
	// The running line as a boot loader would have left it.
	g.MustRun("(printf 'BOOT_IMAGE=/vmlinuz '; tr -d '\\n' < /proc/cmdline; printf ' initrd=\\\\a.img kept=1\\n') > /tmp/line && mount -o bind /tmp/line /proc/cmdline")
	g.MustRun("kexec-bls load --linux /efi/vmlinuz --initrd /efi/whole.img --initrd /efi/extra.img --reuse-cmdline --append=x --append='y=\"a b\"'")
	g.Reboot("kexec-bls reboot --loaded --force")
	assert.Equal(t, vm.Cmdline+` kept=1 x y="a b"`, g.MustRun("cat /proc/cmdline"))
	assert.Equal(t, "extra", g.MustRun("cat /who/last"))
}

// TestVMBadInput holds that nothing bad is ever loaded, and that the message
// and the exit code say what is wrong.
func TestVMBadInput(t *testing.T) {
	g := startGuest(t, bootFiles(t, vm.FindKernel(t, vm.DefaultKernel)))
	g.MustRun("mkdir -p /plain/loader/entries /bare/loader/entries /links/loader/entries && echo secret > /secret && ln -s /secret /links/out && " +
		"cp /efi/vmlinuz /links/ && printf 'linux /vmlinuz\\ninitrd /out\\n' > /links/loader/entries/out.conf && " +
		"mkfifo /links/pipe && printf 'linux /vmlinuz\\ninitrd /pipe\\n' > /links/loader/entries/pipe.conf && mkfifo /links/loader/entries/f.conf && " +
		"ln -s loop.conf /links/loader/entries/loop.conf")
	for command, want := range map[string]struct {
		code int
		text string
	}{
		"load cut":                    {exitFailed, "/efi/cut: "},
		"load hollow":                 {exitFailed, "/efi/empty-kernel: the file is empty"},
		"load nokernel":               {exitFailed, "/efi/missing: no such file"},
		"load noinitrd":               {exitFailed, "/efi/missing: no such file"},
		"load dir":                    {exitFailed, "/efi/loader: is a directory"},
		"load dots":                   {exitFailed, "/efi/../etc/passwd: path escapes"},
		"load long":                   {exitFailed, "2017 characters, the kernel takes at most 2016"},
		"load huge":                   {exitFailed, "524288 characters, the kernel takes at most 2016"},
		"load junk":                   {exitNoEntry, "no linux, efi, uki or uki-url line"},
		"load nosuch":                 {exitNoEntry, "nosuch"},
		"load --esp-path=/nowhere":    {exitNoEntry, "/nowhere"},
		"load --esp-path=/plain":      {exitNoEntry, "the boot partitions have no entries"},
		"load out --esp-path=/links":  {exitFailed, "/links/out: a symbolic link that leads out of the partition"},
		"load pipe --esp-path=/links": {exitFailed, "/links/pipe: not a regular file"},
		"load loop --esp-path=/links": {exitNoEntry, "loop"},
		"load --initrd /efi/main.img": {exitUsage, "--initrd requires --linux"},
		"load --linux /efi/cut":       {exitFailed, "/efi/cut: "},
		"load --linux /efi/loader":    {exitFailed, "/efi/loader: is a directory"},
		"load --nosuchflag":           {exitUsage, "nosuchflag"},
		"frob":                        {exitUsage, "frob"},
		"reboot --loaded --force":     {exitFailed, "no kernel is loaded"},
		"load --config=/nosuch.toml":  {exitFailed, "/nosuch.toml"},
	} {
		result := g.Run("kexec-bls " + command)
		assert.Equal(t, want.code, result.Code, "%s: %s", command, result.Stderr)
		assert.Contains(t, result.Stderr, want.text, command)
		assert.True(t, strings.HasPrefix(result.Stderr, "kexec-bls: "), "%s: %s", command, result.Stderr)
		assert.NotContains(t, result.Stderr, "goroutine", command)
		assert.Equal(t, "0", g.MustRun("cat /sys/kernel/kexec_loaded"), command)
	}
	g.MustRun("kexec-bls load fits && kexec-bls unload")

	g.MustRun("printf 'default nomatch*\\n' > /efi/loader/loader.conf")
	result := g.Run("kexec-bls show")
	assert.Contains(t, result.Stderr, "loader.conf default nomatch* matches no entry")
	assert.Contains(t, result.Stdout, "first bootable in order")

	g.MustRun("chmod 755 /efi && su nobody -c 'kexec-bls list' > /dev/null")
	result = g.Run("su nobody -c 'kexec-bls load zz-other'")
	assert.Equal(t, exitKernel, result.Code, result.Stderr)
	assert.Contains(t, result.Stderr, "root")
	assert.Equal(t, "0", g.MustRun("cat /sys/kernel/kexec_loaded"))

	result = g.Run("nosys /bin/kexec-bls load zz-other --syscall=file")
	assert.Equal(t, exitKernel, result.Code, result.Stderr)
	assert.Contains(t, result.Stderr, "function not implemented")
	assert.Equal(t, "0", g.MustRun("cat /sys/kernel/kexec_loaded"))
}
