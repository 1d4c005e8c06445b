package kexec_test

import (
	"errors"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/loader/kexec"
)

// root is a machine on which nothing stands in the way.
func root(change ...func(*kexec.System)) kexec.System {
	s := kexec.System{
		Capable: kexec.Yes, UserNS: kexec.No, LoadsLeft: -1, Lockdown: "none", SecureBoot: kexec.No,
		Config: map[string]string{
			"CONFIG_KEXEC": "y", "CONFIG_KEXEC_FILE": "y", "CONFIG_KEXEC_SIG": "y",
			"CONFIG_KEXEC_BZIMAGE_VERIFY_SIG": "y", "CONFIG_KEXEC_IMAGE_VERIFY_SIG": "y",
		},
		MemAvailable: 4 << 30,
		Image: kexec.Image{
			Kernel: kexec.Part{Name: "/efi/vmlinuz", Size: 8 << 20, Regular: true},
			Initrd: kexec.Part{Name: "/efi/initrd.img", Size: 56<<20 + 1, Regular: true},
			Format: "bzImage", CmdlineMax: 2016, Cmdline: 20,
		},
	}
	for _, c := range change {
		c(&s)
	}
	return s
}

type change = func(*kexec.System)

func locked(s *kexec.System) { s.Lockdown = "integrity" }

func memfd(s *kexec.System) {
	s.Image.Initrd = kexec.Part{Name: "memfd:initrd", Regular: true, Memfd: true, Size: 1}
}

func format(f kexec.Format) change { return func(s *kexec.System) { s.Image.Format = f } }

func config(key, value string) change { return func(s *kexec.System) { s.Config[key] = value } }

func said(lines ...string) change { return func(s *kexec.System) { s.Words = lines } }

func keys(names ...string) change {
	return func(s *kexec.System) { s.Keys, s.KeysSeen = names, true }
}

// TestExplainSaysTheCauseAndTheMend pins every text.
func TestExplainSaysTheCauseAndTheMend(t *testing.T) {
	for _, c := range []struct {
		errno  syscall.Errno
		change []change
		want   string
	}{
		// EPERM: privilege
		{unix.EPERM, []change{func(s *kexec.System) { s.Capable, s.UID = kexec.No, 1000 }},
			"operation not permitted: only root may do this (CAP_SYS_BOOT), and this is user 1000; run it as root"},
		{unix.EPERM, []change{func(s *kexec.System) { s.UserNS = kexec.Yes }},
			"operation not permitted: this is root of a container (a user namespace), who may not do this; run it on the host"},
		{unix.EPERM, []change{func(s *kexec.System) { s.Capable = kexec.No }},
			"operation not permitted: root has no CAP_SYS_BOOT here, as in containers and confined services; run it on the host; in a unit, add CAP_SYS_BOOT to CapabilityBoundingSet="},
		// EPERM: sysctls
		{unix.EPERM, []change{func(s *kexec.System) { s.LoadDisabled = true }},
			"operation not permitted: kexec is switched off: kernel.kexec_load_disabled is 1; nothing but a boot sets it back: reboot through the firmware"},
		{unix.EPERM, []change{func(s *kexec.System) { s.LoadDisabled, s.Sysctl = true, "/etc/sysctl.d/50-harden.conf" }},
			"operation not permitted: kexec is switched off: kernel.kexec_load_disabled is 1 (set in /etc/sysctl.d/50-harden.conf); nothing but a boot sets it back: reboot through the firmware"},
		{unix.EPERM, []change{func(s *kexec.System) { s.LoadsLeft = 0 }},
			"operation not permitted: no load is left: kernel.kexec_load_limit_reboot is 0; nothing but a boot sets it back: reboot through the firmware"},
		{unix.EPERM, []change{locked, func(s *kexec.System) { s.LoadDisabled = true }}, // what is certain comes first
			"operation not permitted: kexec is switched off: kernel.kexec_load_disabled is 1; nothing but a boot sets it back: reboot through the firmware"},
		// EPERM: lockdown
		{unix.EPERM, []change{locked},
			"operation not permitted: lockdown is on (integrity), and the kernel image is not signed by a key that this kernel trusts; load a kernel that your distribution signed, or enrol the key that signed this one, or boot without lockdown="},
		{unix.EPERM, []change{locked, keys("Debian Secure Boot CA"), func(s *kexec.System) { s.SecureBoot = kexec.Yes }, said("Lockdown: kexec-bls: kexec of unsigned images is restricted; see man kernel_lockdown.7")},
			"operation not permitted: lockdown is on (integrity, with Secure Boot), and the kernel image is not signed by a key that this kernel trusts (it trusts Debian Secure Boot CA); load a kernel that your distribution signed, or enrol the key that signed this one (kernel log: Lockdown: kexec-bls: kexec of unsigned images is restricted; see man kernel_lockdown.7)"},
		{unix.EPERM, []change{locked, keys()},
			"operation not permitted: lockdown is on (integrity), and the kernel image is not signed by a key that this kernel trusts (it trusts none); load a kernel that your distribution signed, or enrol the key that signed this one, or boot without lockdown="},
		{unix.EPERM, []change{locked, config("CONFIG_KEXEC_SIG", "n"), config("CONFIG_KEXEC_VERIFY_SIG", "n")},
			"operation not permitted: lockdown is on (integrity), and this kernel was built without CONFIG_KEXEC_SIG: it can verify no such image; reboot through the firmware"},
		{unix.EPERM, []change{locked, config("CONFIG_KEXEC_BZIMAGE_VERIFY_SIG", "n")},
			"operation not permitted: lockdown is on (integrity), and this kernel was built without CONFIG_KEXEC_BZIMAGE_VERIFY_SIG: it can verify no such image; reboot through the firmware"},
		{unix.EPERM, []change{locked, format("arm64 Image"), config("CONFIG_KEXEC_IMAGE_VERIFY_SIG", "n")},
			"operation not permitted: lockdown is on (integrity), and this kernel was built without CONFIG_KEXEC_IMAGE_VERIFY_SIG: it can verify no such image; reboot through the firmware"},
		// EPERM: the rest
		{unix.EPERM, []change{said("LoadPin: kexec-image denied obj=\"memfd:x\" pid=1"), memfd},
			"operation not permitted: a security policy (LoadPin) refuses a file that exists only in memory; use an entry with a plain kernel and a single initrd, or let the policy allow it (kernel log: LoadPin: kexec-image denied obj=\"memfd:x\" pid=1)"},
		{unix.EPERM, []change{func(s *kexec.System) { s.Seccomp = true }},
			"operation not permitted: a seccomp filter is on, and seems to forbid the call; run it on the host; in a unit, add @reboot to SystemCallFilter="},
		{unix.EPERM, []change{func(s *kexec.System) { s.LSMs = []string{"capability", "loadpin", "apparmor"} }},
			"operation not permitted: a security policy (loadpin) refuses the kernel image or the initrd; let the policy allow it; the audit log names the rule"},
		{unix.EPERM, []change{func(s *kexec.System) { s.Xen0 = true }},
			"operation not permitted: this is a Xen host, where the hypervisor and not the kernel does the kexec; reboot through the firmware"},
		{unix.EPERM, nil,
			"operation not permitted: not permitted, although neither capability, sysctl nor lockdown forbid it; see the kernel and audit log for a security module"},
		// signatures and policies
		{unix.EACCES, []change{func(s *kexec.System) { s.LSMs = []string{"ima", "selinux"} }},
			"permission denied: a security policy (ima, selinux) refuses the kernel image or the initrd; let the policy allow it; the audit log names the rule"},
		{unix.EACCES, []change{memfd, said("audit: type=1800 op=appraise_data cause=IMA-signature-required")},
			"permission denied: a security policy (IMA) refuses a file that exists only in memory; use an entry with a plain kernel and a single initrd, or let the policy allow it (kernel log: audit: type=1800 op=appraise_data cause=IMA-signature-required)"},
		{unix.EACCES, []change{memfd, said(`op=appraise_data name="/vmlinuz"`)},
			"permission denied: a security policy (IMA) refuses the kernel image or the initrd; let the policy allow it; the audit log names the rule (kernel log: op=appraise_data name=\"/vmlinuz\")"},
		{unix.EACCES, nil,
			"permission denied: a security policy refuses the kernel image or the initrd; let the policy allow it; the audit log names the rule"},
		{unix.EKEYREJECTED, nil,
			"key was rejected by service: the signature does not fit the kernel image, or its key or hash is revoked (dbx); install the kernel again"},
		{unix.EKEYREJECTED, []change{format("RISC-V Image")},
			"key was rejected by service: this kernel takes only signed images, and it cannot verify a RISC-V Image; reboot through the firmware"},
		{unix.ENODATA, nil,
			"no data available: the kernel image is not signed, and this kernel takes only signed ones; load a kernel that your distribution signed, or sign it with an enrolled key"},
		{unix.ENOKEY, []change{keys("a", "b", "c", "d", "e")},
			"required key not available: the key that signed the kernel image is not one that this kernel trusts (it trusts a, b, c and 2 more); enrol that key, or load a kernel that your distribution signed"},
		{unix.ENOPKG, nil,
			"package not installed: the signature of the kernel image uses an algorithm that this kernel lacks; sign it with RSA and SHA-256"},
		{unix.EBADMSG, nil,
			"bad message: the signature of the kernel image is malformed; sign it again, or install the kernel again"},
		{unix.ELIBBAD, nil,
			"accessing a corrupted shared library: the table of signatures in the kernel image is malformed; sign it again, or install the kernel again"},
		// the image
		{unix.ENOEXEC, []change{said("kexec-bzImage64: Not a bzImage")},
			"exec format error: the bzImage is cut short, too old (boot protocol below 2.12) or for 32 bits; install the kernel again (kernel log: kexec-bzImage64: Not a bzImage)"},
		{unix.ENOEXEC, []change{format("gzip file")},
			"exec format error: the kernel image is a gzip file, which this kernel does not unpack; unpack it first"},
		{unix.ENOEXEC, []change{format("EFI program")},
			"exec format error: the image is an EFI program, which kexec does not start; load the kernel itself; in a unified kernel image it is the section .linux"},
		{unix.ENOEXEC, []change{format("arm64 Image")},
			"exec format error: this kernel does not load a kernel image of this kind (arm64 Image); load a kernel image for this machine"},
		{unix.ENOEXEC, []change{format("")},
			"exec format error: the file is no kernel image; give a kernel image for this machine"},
		{unix.EINVAL, []change{func(s *kexec.System) { s.Image.Kernel.Regular = false }},
			"invalid argument: /efi/vmlinuz is not a regular file; give a regular file"},
		{unix.EINVAL, []change{func(s *kexec.System) { s.Image.Initrd.Size = 0 }},
			"invalid argument: /efi/initrd.img is empty; give a file with content; leave out an empty initrd"},
		{unix.EINVAL, []change{func(s *kexec.System) { s.Image.Initrd, s.Image.Cmdline = kexec.Part{}, 2017 }},
			"invalid argument: the command line is 2017 characters long, the kernel image takes 2016; shorten it"},
		{unix.EINVAL, nil,
			"invalid argument: this kernel does not take such an image or command line; shorten the command line, or load another kernel"},
		{unix.EINVAL, []change{format("arm64 Image")},
			"invalid argument: the image is for another page size or endianness than this CPU has, or broken; load another kernel"},
		{unix.EINVAL, []change{format("self-decompressing EFI image")},
			"invalid argument: the kernel image is a self-decompressing EFI image, which this kernel does not unpack; unpack it first"},
		{unix.EINVAL, []change{func(s *kexec.System) { s.Xen0 = true }},
			"invalid argument: this is a Xen host, where the hypervisor and not the kernel does the kexec; reboot through the firmware"},
		{unix.EFBIG, nil,
			"file too large: /efi/initrd.img is larger than the kernel reads; make the initrd smaller"},
		{unix.EFBIG, []change{func(s *kexec.System) { s.Image.Initrd = kexec.Part{} }},
			"file too large: /efi/vmlinuz is larger than the kernel reads; make the initrd smaller"},
		{unix.ETXTBSY, nil,
			"text file busy: /efi/vmlinuz or /efi/initrd.img is open for writing; wait until the update that writes it has ended"},
		{unix.ETXTBSY, []change{func(s *kexec.System) { s.Image.Initrd.Writable = true }},
			"text file busy: /efi/initrd.img is open for writing; wait until the update that writes it has ended"},
		{unix.ETXTBSY, []change{func(s *kexec.System) { s.Image.Initrd = kexec.Part{} }},
			"text file busy: /efi/vmlinuz is open for writing; wait until the update that writes it has ended"},
		{unix.EBADF, nil, "bad file descriptor: a file is not open for reading; this is a bug of the caller"},
		{unix.EFAULT, nil, "bad address: the command line is not in memory; this is a bug of the caller"},
		{unix.EIO, nil, "input/output error: /efi/vmlinuz or /efi/initrd.img cannot be read; see whether its disk or partition is still there and whole"},
		{unix.ENODEV, nil, "no such device: /efi/vmlinuz or /efi/initrd.img cannot be read; see whether its disk or partition is still there and whole"},
		{unix.ESTALE, nil, "stale file handle: /efi/vmlinuz or /efi/initrd.img cannot be read; see whether its disk or partition is still there and whole"},
		// room
		{unix.ENOMEM, []change{func(s *kexec.System) { s.MemAvailable = 100 << 20 }},
			"cannot allocate memory: loading needs 129 MiB of memory, twice kernel and initrd, and 100 MiB are available; stop something large first, or make the initrd smaller"},
		{unix.ENOMEM, nil,
			"cannot allocate memory: the kernel found no memory for an image of 65 MiB; stop something large first, or make the initrd smaller"},
		{unix.EADDRNOTAVAIL, nil,
			"cannot assign requested address: no stretch of free memory is long enough for an image of 65 MiB; write 1 to /proc/sys/vm/compact_memory and try again, or make the initrd smaller"},
		{unix.EADDRNOTAVAIL, []change{func(s *kexec.System) { s.Handover = true }},
			"cannot assign requested address: an image of 65 MiB does not fit the memory that kho=on keeps for the next kernel; boot with a larger kho_scratch=, or without kho=on"},
		// the call
		{unix.EBUSY, nil, "device or resource busy: another load is under way and does not end; try again later"},
		{unix.EBUSY, []change{func(s *kexec.System) { s.Words = []string{"Can't kexec: CPUs are stuck in the kernel."} }},
			"device or resource busy: the kernel cannot stop its processors: firmware that starts them from a spin table, or protected KVM; use firmware with PSCI, boot without kvm-arm.mode=protected or with nr_cpus=1 (kernel log: Can't kexec: CPUs are stuck in the kernel.)"},
		{unix.ENOSYS, nil,
			"function not implemented: the kernel has the call, and a seccomp filter hides it here; run it on the host, outside of containers and confined services"},
		{unix.ENOSYS, []change{config("CONFIG_KEXEC", "n"), config("CONFIG_KEXEC_FILE", "n")},
			"function not implemented: this kernel was built without kexec (CONFIG_KEXEC_FILE, CONFIG_KEXEC); use a kernel that has it; until then reboot through the firmware"},
		{unix.ENOSYS, []change{func(s *kexec.System) { s.Config = nil }},
			"function not implemented: this kernel has no such call (CONFIG_KEXEC_FILE); use a kernel that has it; until then reboot through the firmware"},
		{unix.ENOSYS, []change{func(s *kexec.System) { s.Config, s.Xen0 = nil, true }},
			"function not implemented: this is a Xen host, where the hypervisor and not the kernel does the kexec; reboot through the firmware"},
		{unix.EPROTO, []change{said("one", "two", "three")},
			"protocol error: the kernel refuses for a reason that is not known here; see the kernel log (kernel log: one / two)"},
	} {
		e := kexec.Explain(c.errno, root(c.change...))
		assert.Equal(t, "kexec_file_load: "+c.want, e.Error())
		assert.ErrorIs(t, e, c.errno)
		assert.NotEmpty(t, e.Cause)
		assert.NotEmpty(t, e.Mend)
	}
}

// TestMemfdRefused holds when the files themselves may do better: only when a
// policy is left as the cause.
func TestMemfdRefused(t *testing.T) {
	for name, c := range map[string]struct {
		errno  syscall.Errno
		change []change
		want   bool
	}{
		"policy":              {unix.EACCES, []change{memfd}, true},
		"LoadPin":             {unix.EPERM, []change{memfd}, true},
		"kernel in memory":    {unix.EPERM, []change{func(s *kexec.System) { s.Image.Kernel.Memfd = true }}, true},
		"files already":       {unix.EACCES, nil, false},
		"lockdown":            {unix.EPERM, []change{memfd, locked}, false},
		"not root":            {unix.EPERM, []change{memfd, func(s *kexec.System) { s.Capable, s.UID = kexec.No, 1 }}, false},
		"switched off":        {unix.EPERM, []change{memfd, func(s *kexec.System) { s.LoadDisabled = true }}, false},
		"no load left":        {unix.EPERM, []change{memfd, func(s *kexec.System) { s.LoadsLeft = 0 }}, false},
		"memory named":        {unix.EACCES, []change{memfd, said(`op=appraise_data name="/memfd:initrd"`)}, true},
		"another file named":  {unix.EACCES, []change{memfd, said(`op=appraise_data name="/vmlinuz"`)}, false},
		"LoadPin, other file": {unix.EPERM, []change{memfd, said(`LoadPin: kexec-image denied obj="/efi/vmlinuz" pid=1`)}, false},
		"not about a policy":  {unix.ENOEXEC, []change{memfd}, false},
		"signature, lockdown": {unix.EACCES, []change{memfd, locked}, true},
	} {
		assert.Equal(t, c.want, errors.Is(kexec.Explain(c.errno, root(c.change...)), kexec.ErrMemfdRefused), name)
	}
}

// TestExplainNeedsNoKnowledge holds that an errno is explained on a machine of
// which nothing could be read.
func TestExplainNeedsNoKnowledge(t *testing.T) {
	for errno := syscall.Errno(1); errno < 134; errno++ {
		e := kexec.Explain(errno, kexec.System{LoadsLeft: -1})
		assert.NotEmpty(t, e.Cause, errno)
		assert.NotEmpty(t, e.Mend, errno)
		assert.NotContains(t, e.Error(), "%!", errno)
	}
}

func TestLoadErrorNamesItsCall(t *testing.T) {
	e := &kexec.LoadError{Errno: unix.EPERM, Cause: "c", Mend: "m", Call: "kexec_load"}
	assert.Equal(t, "kexec_load: operation not permitted: c; m", e.Error())
}

// errnos are those with an explanation that looks at the machine.
var errnos = []syscall.Errno{unix.EPERM, unix.EACCES, unix.ENOKEY, unix.EINVAL, unix.ENOEXEC, unix.ENOMEM, unix.ENOSYS}
