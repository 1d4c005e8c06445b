package preflight_test

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader/internal/refusal"
	"github.com/kexec-bls/kexec-bls/loader/preflight"
)

// A refusedBox is the box and what its kernel refused.
type refusedBox struct {
	*box
	refused *refusal.Error
}

type change = func(*refusedBox)

// newRefused is a machine on which nothing would prevent a kexec, and an image
// without fault.
func newRefused(errno syscall.Errno, changes ...change) *refusedBox {
	b := newBox()
	b.plan = preflight.Plan{}
	b.set("/boot/config-6.1.0", config+"CONFIG_KEXEC_IMAGE_VERIFY_SIG=y\n", "/proc/meminfo", "MemAvailable: 4194304 kB\n",
		"/efi/SecureBoot-"+global, "\x06\x00\x00\x00\x00")
	b.remove("/proc/keys")
	r := &refusedBox{b, &refusal.Error{
		Errno: errno, Call: refusal.File,
		Image: refusal.Image{
			Kernel: refusal.Part{Name: "/efi/vmlinuz", Size: 8 << 20, Regular: true},
			Initrd: refusal.Part{Name: "/efi/initrd.img", Size: 56<<20 + 1, Regular: true},
			Format: refusal.BzImage, CmdlineMax: 2016, Cmdline: 20,
		},
	}}
	for _, c := range changes {
		c(r)
	}
	return r
}

func (r *refusedBox) explain(t *testing.T) preflight.Finding {
	t.Helper()
	found, explained := preflight.Explain(r.mount(t), r.plan, fmt.Errorf("arch.conf: %w", r.refused))
	require.True(t, explained)
	return found
}

func file(name, text string) change { return func(r *refusedBox) { r.set("/"+name, text) } }

func user(uid int) change {
	return func(r *refusedBox) {
		r.env.Host.UID = uid
		r.set("/proc/self/status", "CapEff:\t000001ffffbfffff\n")
	}
}

func disabled(r *refusedBox) { r.set("/proc/sys/kernel/kexec_load_disabled", "1\n") }

func locked(r *refusedBox) {
	r.set("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n")
}

func secureBoot(r *refusedBox) { r.set("/efi/SecureBoot-"+global, "\x06\x00\x00\x00\x01") }

func dom0(r *refusedBox) { r.set("/proc/xen/capabilities", "control_d\n") }

func noConfig(r *refusedBox) { r.remove("/boot") }

func lsm(list string) change { return file("sys/kernel/security/lsm", list) }

func without(option string) change {
	return func(r *refusedBox) {
		r.set("/boot/config-6.1.0", strings.ReplaceAll(r.files["/boot/config-6.1.0"], option+"=y\n", "CONFIG_X86=y\n"))
	}
}

func memfd(r *refusedBox) {
	r.refused.Image.Initrd = refusal.Part{Name: "memfd:initrd", Regular: true, Memfd: true, Size: 1}
}

func format(f refusal.Format) change { return func(r *refusedBox) { r.refused.Image.Format = f } }

func logged(lines ...string) change { return func(r *refusedBox) { r.refused.KernelLog = lines } }

// keys are certificates of these names, and a keyring.
func keys(names ...string) change {
	text := "0dd8e9d2 I------     2 perm 1f0f0000     0     0 keyring   .builtin_trusted_keys: 2\n"
	for _, name := range names {
		text += "031a21e8 I------     1 perm 1f030000     0     0 asymmetri " + name + ": 6ccece7e: X509.rsa bb419ea1 []\n"
	}
	return file("proc/keys", text)
}

// TestExplain pins the cause and the hint of every errno.
func TestExplain(t *testing.T) {
	for _, c := range []struct {
		errno  syscall.Errno
		change []change
		want   string
	}{
		// EPERM: privilege
		{unix.EPERM, []change{user(1000)},
			"only root may do this (CAP_SYS_BOOT), and this is user 1000; run it as root"},
		{unix.EPERM, []change{file("proc/self/uid_map", "0 1000 1\n")},
			"this is root of a container (a user namespace), who may not do this; run it on the host"},
		{unix.EPERM, []change{user(0)},
			"root has no CAP_SYS_BOOT here, as in containers and confined services; run it on the host; in a unit, add CAP_SYS_BOOT to CapabilityBoundingSet="},
		// EPERM: sysctls
		{unix.EPERM, []change{disabled},
			"kexec is disabled until the next boot: kernel.kexec_load_disabled is 1; reboot through the firmware"},
		{unix.EPERM, []change{disabled, file("etc/sysctl.d/50-harden.conf", "kernel.kexec_load_disabled=1")},
			"kexec is disabled until the next boot: kernel.kexec_load_disabled is 1 (set in /etc/sysctl.d/50-harden.conf); reboot through the firmware, after removing it from /etc/sysctl.d/50-harden.conf"},
		{unix.EPERM, []change{file("proc/sys/kernel/kexec_load_limit_reboot", "0\n")},
			"no load is left: kernel.kexec_load_limit_reboot is 0; reboot through the firmware"},
		{unix.EPERM, []change{locked, disabled}, // what is certain comes first
			"kexec is disabled until the next boot: kernel.kexec_load_disabled is 1; reboot through the firmware"},
		// EPERM: lockdown
		{unix.EPERM, []change{locked},
			"lockdown is on (integrity), and the kernel image is not signed by a key that this kernel trusts; load a kernel that your distribution signed, or enrol the key that signed this one, or boot without lockdown="},
		{unix.EPERM, []change{locked, keys("Debian Secure Boot CA"), secureBoot, logged("Lockdown: kexec-bls: kexec of unsigned images is restricted; see man kernel_lockdown.7")},
			"lockdown is on (integrity, with Secure Boot), and the kernel image is not signed by a key that this kernel trusts (it trusts Debian Secure Boot CA); load a kernel that your distribution signed, or enrol the key that signed this one"},
		{unix.EPERM, []change{locked, keys()},
			"lockdown is on (integrity), and the kernel image is not signed by a key that this kernel trusts (it trusts none); load a kernel that your distribution signed, or enrol the key that signed this one, or boot without lockdown="},
		{unix.EPERM, []change{locked, without("CONFIG_KEXEC_SIG"), without("CONFIG_KEXEC_VERIFY_SIG")},
			"lockdown is on (integrity), and the running kernel was built without CONFIG_KEXEC_SIG: it can verify no such kernel; reboot through the firmware"},
		{unix.EPERM, []change{locked, without("CONFIG_KEXEC_BZIMAGE_VERIFY_SIG")},
			"lockdown is on (integrity), and the running kernel was built without CONFIG_KEXEC_BZIMAGE_VERIFY_SIG: it can verify no such kernel; reboot through the firmware"},
		{unix.EPERM, []change{locked, format("arm64 Image"), without("CONFIG_KEXEC_IMAGE_VERIFY_SIG")},
			"lockdown is on (integrity), and the running kernel was built without CONFIG_KEXEC_IMAGE_VERIFY_SIG: it can verify no such kernel; reboot through the firmware"},
		// EPERM: the rest
		{unix.EPERM, []change{logged("LoadPin: kexec-image denied obj=\"memfd:x\" pid=1"), memfd},
			"a security policy (LoadPin) refuses a file that exists only in memory; use an entry with a plain kernel and a single initrd, or let the policy allow it"},
		{unix.EPERM, []change{file("proc/self/status", "CapEff:\t000001ffffffffff\nSeccomp:\t2\n")},
			"a seccomp filter is on, and seems to forbid the call; run it on the host; in a unit, add @reboot to SystemCallFilter="},
		{unix.EPERM, []change{lsm("loadpin"), file("proc/self/status", "CapEff:\t000001ffffffffff\nSeccomp:\t2\n")},
			"a seccomp filter is on, and seems to forbid the call; run it on the host; in a unit, add @reboot to SystemCallFilter="},
		{unix.EPERM, []change{lsm("capability,loadpin,apparmor")},
			"a security policy (loadpin) refuses the kernel image or the initrd; let the policy allow it; the audit log names the rule"},
		{unix.EPERM, []change{dom0},
			"this is a Xen host (dom0), where the hypervisor and not the kernel does the kexec; reboot through the firmware"},
		{unix.EPERM, nil,
			"not permitted, although neither capability, sysctl nor lockdown forbid it; see the kernel and audit log for a security module"},
		// signatures and policies
		{unix.EACCES, []change{lsm("ima,selinux")},
			"a security policy (ima, selinux) refuses the kernel image or the initrd; let the policy allow it; the audit log names the rule"},
		{unix.EACCES, []change{memfd, logged("audit: type=1800 op=appraise_data cause=IMA-signature-required")},
			"a security policy (IMA) refuses a file that exists only in memory; use an entry with a plain kernel and a single initrd, or let the policy allow it"},
		{unix.EACCES, []change{memfd, logged(`op=appraise_data name="/vmlinuz"`)},
			"a security policy (IMA) refuses the kernel image or the initrd; let the policy allow it; the audit log names the rule"},
		{unix.EACCES, []change{dom0},
			"a security policy refuses the kernel image or the initrd; let the policy allow it; the audit log names the rule"},
		{unix.EACCES, nil,
			"a security policy refuses the kernel image or the initrd; let the policy allow it; the audit log names the rule"},
		{unix.EKEYREJECTED, nil,
			"the signature does not fit the kernel image, or its key or hash is revoked (dbx); install the kernel again"},
		{unix.EKEYREJECTED, []change{format("RISC-V Image")},
			"this kernel takes only signed images, and it cannot verify a RISC-V Image; reboot through the firmware"},
		{unix.ENODATA, []change{disabled}, // the errno decides
			"the kernel image is not signed, and this kernel takes only signed ones; load a kernel that your distribution signed, or sign it with an enrolled key"},
		{unix.ENODATA, nil,
			"the kernel image is not signed, and this kernel takes only signed ones; load a kernel that your distribution signed, or sign it with an enrolled key"},
		{unix.ENOKEY, []change{keys("a", "b", "c", "d", "e")},
			"the key that signed the kernel image is not one that this kernel trusts (it trusts a, b, c and 2 more); enrol that key, or load a kernel that your distribution signed"},
		{unix.ENOPKG, nil,
			"the signature of the kernel image uses an algorithm that this kernel lacks; sign it with RSA and SHA-256"},
		{unix.EBADMSG, nil,
			"the signature of the kernel image is malformed; sign it again, or install the kernel again"},
		{unix.ELIBBAD, nil,
			"the table of signatures in the kernel image is malformed; sign it again, or install the kernel again"},
		// the image
		{unix.ENOEXEC, []change{logged("kexec-bzImage64: Not a bzImage")},
			"the bzImage is cut short, too old (boot protocol below 2.12) or for 32 bits; install the kernel again"},
		{unix.ENOEXEC, []change{format("gzip file")},
			"the kernel image is a gzip file, which this kernel does not unpack; unpack it first"},
		{unix.ENOEXEC, []change{format("EFI program")},
			"the image is an EFI program, which kexec does not start; load the kernel itself; in a unified kernel image it is the section .linux"},
		{unix.ENOEXEC, []change{format("arm64 Image")},
			"this kernel does not load a kernel image of this kind (arm64 Image); load a kernel image for this machine"},
		{unix.ENOEXEC, []change{format("")},
			"the file is no kernel image; give a kernel image for this machine"},
		{unix.EINVAL, []change{func(r *refusedBox) { r.refused.Image.Kernel.Regular = false }},
			"/efi/vmlinuz is not a regular file; give a regular file"},
		{unix.EINVAL, []change{func(r *refusedBox) { r.refused.Image.Initrd.Size = 0 }},
			"/efi/initrd.img is empty; give a file with content; leave out an empty initrd"},
		{unix.EINVAL, []change{func(r *refusedBox) { r.refused.Image.Initrd, r.refused.Image.Cmdline = refusal.Part{}, 2017 }},
			"the command line is 2017 characters long, the kernel image takes 2016; shorten it"},
		{unix.EINVAL, nil,
			"this kernel does not take such an image or command line; shorten the command line, or load another kernel"},
		{unix.EINVAL, []change{func(r *refusedBox) { r.refused.Image.Cmdline = 2016 }}, // all that it takes
			"this kernel does not take such an image or command line; shorten the command line, or load another kernel"},
		{unix.EINVAL, []change{func(r *refusedBox) { r.refused.Image.CmdlineMax = 0 }}, // not known
			"this kernel does not take such an image or command line; shorten the command line, or load another kernel"},
		{unix.EINVAL, []change{format("arm64 Image")},
			"the image is for another page size or endianness than this CPU has, or broken; load another kernel"},
		{unix.EINVAL, []change{format("self-decompressing EFI image")},
			"the kernel image is a self-decompressing EFI image, which this kernel does not unpack; unpack it first"},
		{unix.EINVAL, []change{dom0},
			"this is a Xen host (dom0), where the hypervisor and not the kernel does the kexec; reboot through the firmware"},
		{unix.EFBIG, nil,
			"/efi/initrd.img is larger than the kernel reads; make the initrd smaller"},
		{unix.EFBIG, []change{func(r *refusedBox) { r.refused.Image.Initrd = refusal.Part{} }},
			"/efi/vmlinuz is larger than the kernel reads; make the initrd smaller"},
		{unix.ETXTBSY, nil,
			"/efi/vmlinuz or /efi/initrd.img is open for writing; wait until the update that writes it has ended"},
		{unix.ETXTBSY, []change{func(r *refusedBox) { r.refused.Image.Initrd.Writable = true }},
			"/efi/initrd.img is open for writing; wait until the update that writes it has ended"},
		{unix.ETXTBSY, []change{func(r *refusedBox) { r.refused.Image.Initrd = refusal.Part{} }},
			"/efi/vmlinuz is open for writing; wait until the update that writes it has ended"},
		{unix.EBADF, nil, "a file is not open for reading; report this as a bug"},
		{unix.EFAULT, nil, "the command line is not in memory; report this as a bug"},
		{unix.EIO, nil, "/efi/vmlinuz or /efi/initrd.img cannot be read; see whether its disk or partition is still there and whole"},
		{unix.ENODEV, nil, "/efi/vmlinuz or /efi/initrd.img cannot be read; see whether its disk or partition is still there and whole"},
		{unix.ESTALE, nil, "/efi/vmlinuz or /efi/initrd.img cannot be read; see whether its disk or partition is still there and whole"},
		// room
		{unix.ENOMEM, []change{file("proc/meminfo", "MemAvailable: 102400 kB\n")},
			"loading needs 129 MiB of memory, and 100 MiB are available; stop something large first, or make the initrd smaller"},
		{unix.ENOMEM, nil,
			"the kernel found no memory for an image of 65 MiB; stop something large first, or make the initrd smaller"},
		{unix.EADDRNOTAVAIL, []change{file("proc/meminfo", "MemAvailable: 102400 kB\n")},
			"no free range of memory is long enough for an image of 65 MiB; write 1 to /proc/sys/vm/compact_memory and try again, or make the initrd smaller"},
		{unix.EADDRNOTAVAIL, nil,
			"no free range of memory is long enough for an image of 65 MiB; write 1 to /proc/sys/vm/compact_memory and try again, or make the initrd smaller"},
		{unix.EADDRNOTAVAIL, []change{file("proc/cmdline", "quiet kho=on\n"), file("boot/config-6.1.0", config+"CONFIG_KEXEC_HANDOVER=y\n")},
			"an image of 65 MiB does not fit the memory that kho=on keeps for the next kernel; boot with a larger kho_scratch=, or without kho=on"},
		// the call
		{unix.EBUSY, nil, "another load has not ended; try again later"},
		{unix.EBUSY, []change{logged("Can't kexec: CPUs are stuck in the kernel.")},
			"the kernel cannot stop its processors: firmware that starts them from a spin table, or protected KVM; use firmware with PSCI, boot without kvm-arm.mode=protected or with nr_cpus=1"},
		{unix.ENOSYS, nil,
			"the kernel has the call, and a seccomp filter hides it here; run it on the host, outside of containers and confined services"},
		{unix.ENOSYS, []change{without("CONFIG_KEXEC"), without("CONFIG_KEXEC_FILE")},
			"this kernel was built without kexec (CONFIG_KEXEC_FILE, CONFIG_KEXEC); use a kernel that has it; until then reboot through the firmware"},
		{unix.ENOSYS, []change{noConfig},
			"this kernel has no such call (CONFIG_KEXEC_FILE); use a kernel that has it; until then reboot through the firmware"},
		{unix.ENOSYS, []change{noConfig, dom0},
			"this is a Xen host (dom0), where the hypervisor and not the kernel does the kexec; reboot through the firmware"},
		{unix.EPROTO, []change{file("sys/hypervisor/type", "xen\n"), file("sys/hypervisor/guest_type", "PV\n")}, // no host
			"the kernel refuses for a reason that is not known here; see the kernel log"},
		{unix.EPROTO, []change{logged("one", "two", "three")},
			"the kernel refuses for a reason that is not known here; see the kernel log"},
	} {
		found := newRefused(c.errno, c.change...).explain(t)
		assert.Equal(t, c.want, found.Text+"; "+found.Hint)
		assert.Equal(t, preflight.Error, found.Severity, c.want)
		assert.NotEmpty(t, found.ID, c.want)
	}
}

// TestExplainKnowsThePlan holds that what check knew of the plan is in the cause.
func TestExplainKnowsThePlan(t *testing.T) {
	r := newRefused(unix.EPERM, locked)
	r.plan.Kernel.Signature = preflight.Signature{Known: true}
	assert.Equal(t, preflight.IDKernelSignature, r.explain(t).ID)
	assert.Equal(t, "lockdown is on (integrity), and the kernel file is not signed", r.explain(t).Text)
	r.plan.Kernel.Signature = preflight.Signature{Known: true, Signed: true, Keys: []string{"aa"}}
	assert.Equal(t, "lockdown is on (integrity), and the kernel image is not signed by a key that this kernel trusts", r.explain(t).Text, "the keys cannot be seen")
	r = newRefused(unix.ENOMEM)
	r.plan.Memory = 8 << 30
	assert.Equal(t, "loading needs 8192 MiB of memory, and 4096 MiB are available", r.explain(t).Text)
}

// TestExplainMemoryBlamed holds when a file in memory is what a policy refuses:
// only when a policy is left as the cause.
func TestExplainMemoryBlamed(t *testing.T) {
	for name, c := range map[string]struct {
		errno  syscall.Errno
		change []change
		want   bool
	}{
		"policy":              {unix.EACCES, []change{memfd}, true},
		"LoadPin":             {unix.EPERM, []change{memfd, lsm("loadpin")}, true},
		"kernel in memory":    {unix.EPERM, []change{lsm("loadpin"), func(r *refusedBox) { r.refused.Image.Kernel.Memfd = true }}, true},
		"files already":       {unix.EACCES, nil, false},
		"lockdown":            {unix.EPERM, []change{memfd, locked}, false},
		"not root":            {unix.EPERM, []change{memfd, user(1)}, false},
		"disabled":            {unix.EPERM, []change{memfd, disabled}, false},
		"no load left":        {unix.EPERM, []change{memfd, file("proc/sys/kernel/kexec_load_limit_reboot", "0")}, false},
		"memory named":        {unix.EACCES, []change{memfd, logged(`op=appraise_data name="/memfd:initrd"`)}, true},
		"another file named":  {unix.EACCES, []change{memfd, logged(`op=appraise_data name="/vmlinuz"`)}, false},
		"LoadPin, other file": {unix.EPERM, []change{memfd, logged(`LoadPin: kexec-image denied obj="/efi/vmlinuz" pid=1`)}, false},
		"not about a policy":  {unix.ENOEXEC, []change{memfd}, false},
		"signature, lockdown": {unix.EACCES, []change{memfd, locked}, true},
	} {
		found := newRefused(c.errno, c.change...).explain(t)
		assert.Equal(t, c.want, strings.Contains(found.Text, "exists only in memory"), "%s: %s", name, found.Text)
	}
}

// TestExplainNeedsNoKnowledge holds that an errno is explained on a machine of
// which nothing could be read, and an error without one is not.
func TestExplainNeedsNoKnowledge(t *testing.T) {
	for errno := syscall.Errno(1); errno < 134; errno++ {
		found, explained := preflight.Explain(preflight.Env{}, preflight.Plan{}, &refusal.Error{Errno: errno, Call: refusal.Classic})
		assert.True(t, explained, errno)
		assert.NotEmpty(t, found.Text, errno)
		assert.NotEmpty(t, found.Hint, errno)
		assert.NotContains(t, found.String(), "%!", errno)
	}
	_, explained := preflight.Explain(preflight.Env{}, preflight.Plan{}, errors.New("plain"))
	assert.False(t, explained)
	_, explained = preflight.Explain(preflight.Env{}, preflight.Plan{}, nil)
	assert.False(t, explained)
}

// TestExplainUnload holds that the way around what remains loaded is named, and
// that an unload verifies nothing.
func TestExplainUnload(t *testing.T) {
	unload := func(r *refusedBox) { r.refused.Call, r.refused.Image = refusal.Unload, refusal.Image{} }
	found := newRefused(unix.EPERM, unload, disabled).explain(t)
	assert.Equal(t, "kexec is disabled until the next boot: kernel.kexec_load_disabled is 1", found.Text)
	assert.Equal(t, "what is loaded remains until the next boot; to go through the firmware: SYSTEMCTL_SKIP_AUTO_KEXEC=1 systemctl reboot", found.Hint)
	assert.NotContains(t, newRefused(unix.EPERM, unload, locked).explain(t).Text, "signed")
}

// TestExplainNamesTheOtherCall needs a kernel that only has one of the two.
func TestExplainNamesTheOtherCall(t *testing.T) {
	found := newRefused(unix.ENOSYS, without("CONFIG_KEXEC_FILE")).explain(t)
	assert.Equal(t, "this kernel was built without CONFIG_KEXEC_FILE; use kexec_load, which it has", found.Text+"; "+found.Hint)
	found = newRefused(unix.ENOSYS, without("CONFIG_KEXEC_FILE"), func(r *refusedBox) { r.refused.NoClassic = true }).explain(t)
	assert.Equal(t, "use a kernel that has it; until then reboot through the firmware", found.Hint)
	found = newRefused(unix.ENOSYS, without("CONFIG_KEXEC"), func(r *refusedBox) { r.refused.Call = refusal.Classic }).explain(t)
	assert.Equal(t, "this kernel was built without CONFIG_KEXEC", found.Text)
}

func TestPermission(t *testing.T) {
	_, forbidden := preflight.Permission(newBox().mount(t).Host)
	assert.False(t, forbidden)
	_, forbidden = preflight.Permission(host.Machine{})
	assert.False(t, forbidden, "not known")
	found, forbidden := preflight.Permission(newRefused(unix.EPERM, user(7)).mount(t).Host)
	assert.True(t, forbidden)
	assert.Equal(t, "only root may do this (CAP_SYS_BOOT), and this is user 7", found.Text)
}
