package kexec

import (
	"fmt"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// A reason is what becomes of an errno: two clauses.
type reason struct{ cause, mend string }

const (
	byFirmware = "reboot through the firmware"
	reinstall  = "install the kernel again"
)

// explain knows every errno of kexec_file_load(2) and kexec_load(2), with all
// its origins (kernel/kexec_file.c, kernel/kexec_core.c, arch/*/kernel/, and
// what they call).
func explain(call op, errno syscall.Errno, s System) *LoadError {
	r := reasonFor(call, errno, s)
	return &LoadError{
		Errno: errno, Cause: r.cause, Mend: r.mend, Call: string(call), Words: s.Words,
		memfd: call == opFile && s.refusesMemfd(errno),
	}
}

func reasonFor(call op, errno syscall.Errno, s System) reason {
	switch errno {
	case unix.EPERM:
		return permission(call, s)
	case unix.EACCES, unix.EKEYREJECTED, unix.ENODATA, unix.ENOKEY, unix.ENOPKG, unix.EBADMSG, unix.ELIBBAD:
		return signature(errno, s)
	case unix.ENOEXEC, unix.EINVAL, unix.EFBIG, unix.ETXTBSY, unix.EBADF, unix.EFAULT,
		unix.EIO, unix.ENODEV, unix.ENXIO, unix.ESTALE:
		return badImage(errno, s)
	case unix.ENOMEM, unix.EADDRNOTAVAIL:
		return noRoom(errno, s)
	case unix.EBUSY:
		return tooBusy(s)
	case unix.ENOSYS:
		return noCall(call, s)
	}
	return s.strange(reason{"the kernel refuses for a reason that is not known here", "see the kernel log"})
}

// tooBusy explains EBUSY: the lock of kexec is tried, not waited for, and
// another load, unload or crash image has it, or the jump itself; on arm64
// machine_kexec_prepare found processors that it cannot stop (started from a
// spin table, held by protected KVM, or while processors come and go).
func tooBusy(s System) reason {
	for _, line := range s.Words {
		if strings.Contains(line, "CPUs are stuck") {
			return reason{"the kernel cannot stop its processors: firmware that starts them from a spin table, or protected KVM", "use firmware with PSCI, boot without kvm-arm.mode=protected or with nr_cpus=1"}
		}
	}
	return reason{"another load is under way and does not end", "try again later"}
}

// strange is the answer when nothing was found, except under Xen.
func (s System) strange(r reason) reason {
	if s.Xen0 {
		return reason{"this is a Xen host, where the hypervisor and not the kernel does the kexec", byFirmware}
	}
	return r
}

// noCall explains ENOSYS: the kernel was built without (CONFIG_KEXEC_FILE,
// CONFIG_KEXEC), the architecture has no loader, or a seccomp filter of a
// container answers so.
func noCall(call op, s System) reason {
	option := "CONFIG_KEXEC_FILE"
	if call == opClassic {
		option = "CONFIG_KEXEC"
	}
	another := "use a kernel that has it; until then " + byFirmware
	switch {
	case s.Config[option] == "y":
		return reason{"the kernel has the call, and a seccomp filter hides it here", "run it on the host, outside of containers and confined services"}
	case s.Config["CONFIG_KEXEC_FILE"] == "n" && s.Config["CONFIG_KEXEC"] == "n":
		return reason{"this kernel was built without kexec (CONFIG_KEXEC_FILE, CONFIG_KEXEC)", another}
	case s.Config[option] == "n" && call == opFile && classicBuilt:
		return reason{"this kernel was built without " + option, "use --syscall=classic, which it has"}
	case s.Config[option] == "n":
		return reason{"this kernel was built without " + option, another}
	}
	return s.strange(reason{"this kernel has no such call (" + option + ")", another})
}

// noRoom explains
//   - ENOMEM: the kernel cannot read a file into memory (vmalloc), has no page
//     for the image, no control page. Near the edge it may kill a process
//     instead.
//   - EADDRNOTAVAIL: no hole in physical memory is large enough, by the map
//     less what the running kernel keeps; or not in KHO's scratch areas.
func noRoom(errno syscall.Errno, s System) reason {
	size := s.Image.Kernel.Size + s.Image.Initrd.Size
	switch {
	case errno == unix.ENOMEM && s.MemAvailable != 0 && s.Image.memory() > s.MemAvailable:
		return reason{
			fmt.Sprintf("loading needs %s of memory, twice kernel and initrd, and %s are available", mebibytes(s.Image.memory()), mebibytes(s.MemAvailable)),
			"stop something large first, or make the initrd smaller",
		}
	case errno == unix.ENOMEM:
		return reason{
			fmt.Sprintf("the kernel found no memory for an image of %s", mebibytes(uint64(size))),
			"stop something large first, or make the initrd smaller",
		}
	case s.Handover:
		return reason{
			fmt.Sprintf("an image of %s does not fit the memory that kho=on keeps for the next kernel", mebibytes(uint64(size))),
			"boot with a larger kho_scratch=, or without kho=on",
		}
	}
	return reason{
		fmt.Sprintf("no stretch of free memory is long enough for an image of %s", mebibytes(uint64(size))),
		"write 1 to /proc/sys/vm/compact_memory and try again, or make the initrd smaller",
	}
}

func mebibytes(n uint64) string { return fmt.Sprintf("%d MiB", (n+1<<20-1)>>20) }
