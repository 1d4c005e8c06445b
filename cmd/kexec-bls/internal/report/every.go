package report

import (
	"slices"

	"github.com/kexec-bls/kexec-bls/loader"
)

// ParsePolicy reads a policy of enable; ok is false for what is none. What suits a
// machine, "auto", is a load by the reboot: until then it holds no memory, and it
// loads what is newest.
func ParsePolicy(text string) (p loader.Policy, ok bool) {
	if text == "auto" {
		return loader.PolicyReboot, true
	}
	p = loader.Policy(text)
	return p, slices.Contains([]loader.Policy{loader.PolicyReboot, loader.PolicyUpgrade, loader.PolicyBoot, loader.PolicyOff}, p)
}

// PolicyText is a policy as status shows it.
func PolicyText(p loader.Policy) string {
	how := map[loader.Policy]string{
		loader.PolicyReboot:  "each is a kexec, and loads the next entry as it begins",
		loader.PolicyUpgrade: "each is a kexec while a kernel is loaded; an upgrade loads it",
		loader.PolicyBoot:    "each is a kexec while a kernel is loaded; every boot loads it",
	}[p]
	if how == "" {
		how = "each is a kexec while a kernel is loaded"
	}
	return "reboots: " + how
}
