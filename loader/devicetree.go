package loader

// warnDeviceTrees says which device trees of the image and its addons the
// kernel will not get.
func (s *stub) warnDeviceTrees() {
	for _, name := range []string{".dtbauto", ".dtb"} {
		if section, ok := s.profile.Section(name); ok {
			s.warnDeviceTree(s.whole.Name + ": " + section.Name)
			break // the first is preferred, where it is for this machine
		}
	}
	for _, a := range s.addons {
		if a.deviceTree {
			s.warnDeviceTree(a.name)
		}
	}
}

// warnDeviceTree says that a device tree is not used.
func (p *Plan) warnDeviceTree(origin string) {
	p.warn("device tree %s is not used: kexec_file_load passes on the one that the machine runs with", origin)
}
