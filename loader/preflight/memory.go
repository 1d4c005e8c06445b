package preflight

import (
	"fmt"
	"strconv"
	"strings"
)

// Memory holds what the load takes against what is available, before anything
// is copied. Beyond that the kernel refuses, or kills a process instead.
func Memory(env Env, plan Plan) []Finding { return memory(newLook(env, plan)) }

func memory(l *look) []Finding {
	available := kibibytes(fields(l.proc.text("meminfo"))["MemAvailable"])
	if available == 0 || l.Plan.Memory <= available {
		return nil
	}
	return []Finding{{
		"memory", Blocker, fmt.Sprintf("loading needs %s of memory, and %s are available", mebibytes(l.Plan.Memory), mebibytes(available)),
		"stop something large first, or make the initrd smaller",
	}}
}

func kibibytes(s string) int64 {
	n, err := strconv.ParseInt(strings.TrimSuffix(s, " kB"), 10, 53)
	if err != nil || n < 0 {
		return 0
	}
	return n << 10
}

func mebibytes(n int64) string { return fmt.Sprintf("%d MiB", (n+1<<20-1)>>20) }

// kdump is memory that is reserved for a crash kernel now, and would not be
// after the kexec.
func kdump(l *look) []Finding {
	size := l.sys.text("kernel/kexec/crash_size")
	if size == "" {
		size = l.sys.text("kernel/kexec_crash_size")
	}
	n, err := strconv.ParseInt(size, 10, 64)
	if err != nil || n <= 0 || word(l.Plan.Cmdline, "crashkernel") != "" {
		return nil
	}
	mend := "add crashkernel= (--append)"
	if running := word(l.Plan.Running, "crashkernel"); running != "" {
		mend = fmt.Sprintf("add crashkernel=%s (--append)", running)
	}
	return []Finding{{"kdump-lost", Warning, fmt.Sprintf("%s are reserved for a crash kernel, and the new command line has no crashkernel=: there will be no kdump", mebibytes(n)), mend}}
}
