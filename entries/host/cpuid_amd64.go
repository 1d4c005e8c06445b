package host

// cpuidInstruction executes CPUID.
func cpuidInstruction(leaf, subleaf uint32) (eax, ebx, ecx, edx uint32)

func cpuid() func(leaf, subleaf uint32) (eax, ebx, ecx, edx uint32) { return cpuidInstruction }
