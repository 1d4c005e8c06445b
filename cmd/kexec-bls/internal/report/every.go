package report

import "github.com/kexec-bls/kexec-bls/loader"

// Policies are those of enable.
func Policies() []loader.Policy {
	return []loader.Policy{loader.PolicyReboot, loader.PolicyUpgrade, loader.PolicyBoot, loader.PolicyOff}
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
