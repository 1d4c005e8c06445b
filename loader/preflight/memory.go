package preflight

import (
	"fmt"
	"strconv"
)

// Memory compares what the load takes with what is available, before anything
// is copied. Beyond that the kernel refuses, or kills a process instead.
func Memory(env Env, plan Plan) []Finding { return memory(newLook(env, plan)) }

func memory(l *look) []Finding {
	available := l.host.MemAvailable()
	if available == 0 || l.Plan.Memory <= available {
		return nil
	}
	return tooLittle(l.Plan.Memory, available)
}

func tooLittle(need, available int64) []Finding {
	return one(Error, IDMemory, fmt.Sprintf("loading needs %s of memory, and %s are available", mebibytes(need), mebibytes(available)),
		"stop something large first, or make the initrd smaller")
}

func mebibytes(n int64) string { return fmt.Sprintf("%d MiB", (n+1<<20-1)>>20) }

// kdump is memory that is reserved for a crash kernel now, and would not be
// after the kexec.
func kdump(l *look) []Finding {
	n := l.crashSize()
	if n == 0 || parameter(l.Plan.Cmdline, "crashkernel") != "" {
		return nil
	}
	return one(Warning, IDKdumpLost, fmt.Sprintf("%s are reserved for a crash kernel, and the new command line has no crashkernel=: there will be no kdump", mebibytes(n)),
		fmt.Sprintf("add crashkernel=%s to the command line", parameter(l.Plan.Running, "crashkernel")))
}

// crashSize is how much memory is reserved for a crash kernel, in bytes; 0 for
// none, and where that is not known.
func (l *look) crashSize() int64 {
	size := l.host.Text("sys/kernel/kexec/crash_size")
	if size == "" {
		size = l.host.Text("sys/kernel/kexec_crash_size")
	}
	n, err := strconv.ParseInt(size, 10, 64)
	if err != nil {
		return 0
	}
	return max(n, 0)
}
