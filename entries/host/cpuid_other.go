//go:build !amd64

package host

func cpuid() func(leaf, subleaf uint32) (eax, ebx, ecx, edx uint32) { return nil }
