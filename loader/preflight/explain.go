package preflight

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/bls/hint"
	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader/internal/refusal"
)

// Explain returns the cause of a refusal by the kernel and what to do about it.
// explained is false for an error without a *kexec.LoadError in it. It covers
// every errno of kexec_file_load(2) and kexec_load(2), with all its origins
// (kernel/kexec_file.c, kernel/kexec_core.c, arch/*/kernel/, and what they call).
func Explain(env Env, plan Plan, err error) (cause Finding, explained bool) {
	refused, ok := errors.AsType[*refusal.Error](err)
	if !ok {
		return Finding{}, false
	}
	l := newLook(env, plan)
	for _, r := range rules() {
		if r.explain == nil {
			continue
		}
		if found := Errors(r.explain(l, &refusedLoad{refused})); len(found) > 0 {
			return found[0], true
		}
	}
	return Finding{}, false
}

// A refusedLoad is a load that the kernel refused.
type refusedLoad struct{ *refusal.Error }

// is reports whether the errno is one of these.
func (r *refusedLoad) is(errnos ...syscall.Errno) bool { return slices.Contains(errnos, r.Errno) }

// logged reports whether the kernel log has a text.
func (r *refusedLoad) logged(text string) bool {
	return slices.ContainsFunc(r.KernelLog, func(line string) bool { return strings.Contains(line, text) })
}

// onPermission is a check that explains EPERM too: kexec_load_permitted.
func onPermission(check func(*look) []Finding) func(*look, *refusedLoad) []Finding {
	return func(l *look, r *refusedLoad) []Finding {
		if !r.is(unix.EPERM) {
			return nil
		}
		return check(l)
	}
}

// sysctlRefused explains EPERM by the sysctls, which forbid an unload too.
func sysctlRefused(l *look, r *refusedLoad) []Finding {
	if !r.is(unix.EPERM) {
		return nil
	}
	found := Errors(sysctls(l))
	if r.Call == refusal.Unload {
		for i := range found {
			found[i].Hint = "what is loaded remains until the next boot; to go through the firmware: SYSTEMCTL_SKIP_AUTO_KEXEC=1 systemctl reboot"
		}
	}
	return found
}

// stuckProcessors explains EBUSY: the lock of kexec is tried, not waited for, and
// another load, unload or crash image has it, or the jump itself; on arm64
// machine_kexec_prepare found processors that it cannot stop (started from a
// spin table, held by protected KVM, or while processors come and go).
func stuckProcessors(l *look, r *refusedLoad) []Finding {
	switch {
	case !r.is(unix.EBUSY):
		return nil
	case r.logged("CPUs are stuck"):
		return one(Error, IDCPUStuck, "the kernel cannot stop its processors: firmware that starts them from a spin table, or protected KVM", "use firmware with PSCI, boot without kvm-arm.mode=protected or with nr_cpus=1")
	}
	return one(Error, IDBusy, "another load has not ended", "try again later")
}

// noCall explains ENOSYS: the kernel was built without (CONFIG_KEXEC_FILE,
// CONFIG_KEXEC), the architecture has no loader, or a seccomp filter of a
// container answers so.
func noCall(l *look, r *refusedLoad) []Finding {
	if !r.is(unix.ENOSYS) {
		return nil
	}
	option, config := calledOption(r), l.host.RunningConfig()
	const another = "use a kernel that has it; until then " + byFirmware
	switch {
	case config.BuiltIn(option):
		return one(Error, IDSeccomp, "the kernel has the call, and a seccomp filter hides it here", "run it on the host, outside of containers and confined services")
	case config.Off("CONFIG_KEXEC_FILE") && config.Off("CONFIG_KEXEC"):
		return one(Error, IDKexecConfig, "this kernel was built without kexec (CONFIG_KEXEC_FILE, CONFIG_KEXEC)", another)
	case config.Off(option) && r.Call == refusal.File && !r.NoClassic:
		return one(Error, IDKexecConfig, "this kernel was built without "+option, string(hint.KexecLoad)+", which it has")
	case config.Off(option):
		return one(Error, IDKexecConfig, "this kernel was built without "+option, another)
	case l.host.XenDom0():
		return nil
	}
	return one(Error, IDKexecConfig, "this kernel has no such call ("+option+")", another)
}

// calledOption is the option of the kernel that has the call.
func calledOption(r *refusedLoad) string {
	if r.Call == refusal.Classic {
		return "CONFIG_KEXEC"
	}
	return "CONFIG_KEXEC_FILE"
}

// noRoom explains
//   - ENOMEM: the kernel cannot read a file into memory (vmalloc), has no page
//     for the image, no control page. Near the edge it may kill a process
//     instead.
//   - EADDRNOTAVAIL: no hole in physical memory is large enough, by the map
//     less what the running kernel keeps; or not in KHO's scratch areas.
func noRoom(l *look, r *refusedLoad) []Finding {
	const smaller = "stop something large first, or make the initrd smaller"
	size := mebibytes(r.Image.Size())
	need, available := max(l.Plan.Memory, r.Image.Memory()), l.host.MemAvailable()
	switch {
	case !r.is(unix.ENOMEM, unix.EADDRNOTAVAIL):
		return nil
	case r.Errno == unix.ENOMEM && available != 0 && need > available:
		return tooLittle(need, available)
	case r.Errno == unix.ENOMEM:
		return one(Error, IDMemory, fmt.Sprintf("the kernel found no memory for an image of %s", size), smaller)
	case l.host.KHO():
		return one(Error, IDMemory, fmt.Sprintf("an image of %s does not fit the memory that kho=on keeps for the next kernel", size), "boot with a larger kho_scratch=, or without kho=on")
	}
	return one(Error, IDMemory, fmt.Sprintf("no free range of memory is long enough for an image of %s", size), "write 1 to /proc/sys/vm/compact_memory and try again, or make the initrd smaller")
}

// xenRefused explains what nothing else does on a Xen host.
func xenRefused(l *look, r *refusedLoad) []Finding {
	if !l.host.XenDom0() || r.is(unix.EACCES, unix.EBUSY, unix.ENOEXEC) {
		return nil
	}
	return xen(l)
}

// seccompRefused explains EPERM under a seccomp filter.
func seccompRefused(l *look, r *refusedLoad) []Finding {
	if !r.is(unix.EPERM) || !l.host.Seccomp() {
		return nil
	}
	return one(Error, IDSeccomp, "a seccomp filter is on, and seems to forbid the call", "run it on the host; in a unit, add @reboot to SystemCallFilter=")
}

// unknownRefusal explains the rest.
func unknownRefusal(l *look, r *refusedLoad) []Finding {
	if r.is(unix.EPERM) {
		return one(Error, IDRefused, "not permitted, although neither capability, sysctl nor lockdown forbid it", "see the kernel and audit log for a security module")
	}
	if r.is(unix.EINVAL) {
		return invalidImage(r.Image)
	}
	return one(Error, IDRefused, "the kernel refuses for a reason that is not known here", "see the kernel log")
}

// Permission returns why the process may not load a kernel, where that is
// certain: for a caller that the kernel has not been asked by yet.
func Permission(m host.Machine) (Finding, bool) {
	found := Errors(capability(newLook(Env{Host: m}, Plan{})))
	if len(found) == 0 {
		return Finding{}, false
	}
	return found[0], true
}
