package preflight

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

// facts are the queries that find nothing: what a person wants to see of each
// area.
func facts() []query {
	of := func(area AreaID, facts func(*look) []string) query {
		return query{"", area, func(l *look) outcome { return outcome{facts: facts(l)} }}
	}
	return []query{
		of(AreaKernel, kernelFacts), of(AreaSecurity, securityFacts), of(AreaDisks, diskFacts), of(AreaShutdown, shutdownFacts),
		of(AreaMemory, memoryFacts), of(AreaHardware, hardwareFacts), of(AreaEntry, entryFacts),
	}
}

// given is a fact with its value, none where that is not known.
func given(text, value string) []string {
	if value == "" {
		return nil
	}
	return []string{fmt.Sprintf(text, value)}
}

func kernelFacts(l *look) []string {
	facts := given("Linux %s runs", l.host.Release())
	facts = append(facts, given("kexec_load_disabled is %s", l.host.Sysctl("kernel/"+loadDisabled))...)
	switch limit := l.host.Sysctl("kernel/" + loadLimit); limit {
	case "":
	case "-1":
		facts = append(facts, "loads are not limited")
	default:
		facts = append(facts, "loads left: "+limit)
	}
	user := "user root"
	if l.host.UID != 0 {
		user = fmt.Sprintf("user %d", l.host.UID)
	}
	return append(facts, user)
}

func securityFacts(l *look) []string {
	state := map[host.Tristate]string{host.Yes: "Secure Boot is on", host.No: "Secure Boot is off", host.Unknown: "Secure Boot is not known"}
	facts := append([]string{state[l.secureBootState()]}, given("lockdown is %s", l.host.Lockdown())...)
	switch s := l.Plan.Kernel.Signature; {
	case !s.Known:
	case !s.Signed:
		facts = append(facts, "the kernel file is not signed")
	default:
		facts = append(facts, "the kernel file is signed by "+cmp.Or(s.Signer, "an unnamed key"))
	}
	return facts
}

func diskFacts(l *look) []string {
	var names []string
	for _, c := range l.bootCrypts() {
		names = append(names, c.Name)
	}
	encrypted := "the system is on no encrypted volume"
	if len(names) > 0 {
		encrypted = "encrypted: " + strings.Join(names, ", ")
	}
	tpm := "no TPM"
	if l.host.Exists("sys/class/tpm/tpm0") {
		tpm = "TPM present"
	}
	return []string{encrypted, tpm, count(len(l.swaps()), "swap space") + " to hold a hibernation image"}
}

func shutdownFacts(l *look) []string {
	last := map[lastStep]string{
		calls: "a shutdown ends in systemd-shutdown", jumps: "a shutdown ends in an initramfs that starts kexec",
		powersOff: "a shutdown ends in a script", resets: "a shutdown ends in a script", unclear: "a shutdown ends in a script",
	}
	facts := []string{"init: " + string(l.host.InitSystem())}
	if l.host.InitSystem() == host.Systemd {
		facts = append(facts, last[l.lastStep()])
	}
	return facts
}

func memoryFacts(l *look) []string {
	var facts []string
	if l.Plan.Memory > 0 && !l.Plan.Loaded {
		facts = append(facts, "the load needs "+mebibytes(l.Plan.Memory))
	}
	if available := l.host.MemAvailable(); available > 0 {
		facts = append(facts, mebibytes(available)+" are available")
	}
	if size := l.crashSize(); size > 0 {
		return append(facts, mebibytes(size)+" are reserved for a crash kernel")
	}
	return append(facts, "none is reserved for a crash kernel")
}

func hardwareFacts(l *look) []string {
	m := l.machineFacts()
	name := strings.TrimSpace(m[0] + " " + m[1])
	facts := given("%s", cmp.Or(name, m[4]))
	facts = append(facts, given("under %s", m[6])...)
	if l.host.EFI() {
		facts = append(facts, "EFI firmware")
	} else {
		facts = append(facts, "no EFI firmware")
	}
	if used := slices.Compact(slices.Sorted(slices.Values(l.cardDrivers()))); len(used) > 0 {
		facts = append(facts, "graphics: "+strings.Join(used, ", "))
	}
	dogs := l.host.Names("sys/class/watchdog")
	return append(facts, count(len(dogs), "watchdog"))
}

func entryFacts(l *look) []string {
	release := l.Plan.Kernel.Release
	if release == "" || l.Plan.Loaded {
		return nil
	}
	if l.host.HasModules(release) {
		return []string{"its modules are installed"}
	}
	return []string{"no modules of it in /lib/modules"}
}

func count(n int, noun string) string {
	switch n {
	case 0:
		return "no " + noun
	case 1:
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
