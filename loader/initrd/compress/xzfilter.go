package compress

// xzFilters are the filters that the kernel has before LZMA2, and the options
// without which it has none of them (lib/xz/Kconfig).
func xzFilters() map[byte][2]string {
	return map[byte][2]string{
		4:  {"x86", "CONFIG_XZ_DEC_X86"},
		5:  {"powerpc", "CONFIG_XZ_DEC_POWERPC"},
		6:  {"ia64", "CONFIG_XZ_DEC_IA64"},
		7:  {"arm", "CONFIG_XZ_DEC_ARM"},
		8:  {"armthumb", "CONFIG_XZ_DEC_ARMTHUMB"},
		9:  {"sparc", "CONFIG_XZ_DEC_SPARC"},
		10: {"arm64", "CONFIG_XZ_DEC_ARM64"},
		11: {"riscv", "CONFIG_XZ_DEC_RISCV"},
	}
}

// The library has the filters up to this one.
const xzFilterLast = 9

// filter reads the filter before LZMA2.
func (x *xzStream) filter() {
	id, size := x.u8(), x.u8()
	f, ok := xzFilters()[id]
	switch {
	case x.err != nil:
	case !ok:
		x.fail(XZFilter, "xz with the filter %#x, which the kernel refuses", id)
	case size != 0:
		x.fail(XZFilter, "xz with the filter %s and properties, which the kernel refuses", f[0])
	case id > xzFilterLast:
		x.st.unread = "xz with the filter " + f[0] + " cannot be decoded here"
	}
	x.st.Option = f[1]
}
