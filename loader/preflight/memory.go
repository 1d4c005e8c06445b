package preflight

import (
	"fmt"
	"strconv"
	"strings"
)

// memory holds the plan against what is free. The kernel reads both files into
// memory of its own and copies them into the image, so that below twice their
// size it refuses, or kills a process instead; the last segment is as large as
// the kernel unpacked.
func memory(l *look) []Finding {
	info := fields(l.proc.text("meminfo"))
	available, swap := kibibytes(info["MemAvailable"]), kibibytes(info["SwapFree"])
	files := l.Plan.Kernel.Size + l.Plan.InitrdSize
	if available == 0 || files == 0 {
		return nil
	}
	const mend = "stop something large first, or make the initrd smaller"
	if 2*files > available+swap {
		return []Finding{{"memory", Blocker, fmt.Sprintf("loading needs %s of memory, twice kernel and initrd, and %s are available", mebibytes(2*files), mebibytes(available+swap)), mend}}
	}
	need := 2*files + max(l.Plan.Kernel.MemorySize-l.Plan.Kernel.Size, 0)
	if l.Plan.InitrdJoined {
		need += l.Plan.InitrdSize
	}
	if need > available {
		return []Finding{{"memory", Warning, fmt.Sprintf("loading needs about %s of memory, and %s are available", mebibytes(need), mebibytes(available)), mend}}
	}
	return nil
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
