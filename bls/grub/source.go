package grub

import "strings"

// source runs another script. configfile begins a menu of its own: what it
// does not inherit is unset, and GRUB shows the menu where it is not empty.
func (r *runner) source(c call) error {
	if len(c.args) == 0 {
		r.status = failure
		return nil
	}
	f, info, err := r.regular(c.args[0])
	if err != nil || info.IsDir() {
		r.status = failure
		return asUndetermined(err)
	}
	data, err := r.readFile(f, maxConfig)
	if err != nil {
		return err
	}
	if c.name != "configfile" {
		return r.config(f, string(data))
	}
	menu, vars, exported := r.menu, r.vars, r.exported
	r.menu, r.vars, r.exported = nil, map[string]string{}, map[string]bool{}
	for name := range exported {
		if v, ok := vars[name]; ok {
			r.vars[name] = v
		}
		r.exported[name] = true
	}
	if err := r.config(f, string(data)); err != nil {
		return err
	}
	if len(r.menu) > 0 || r.flow == shown {
		r.flow = shown
		return nil
	}
	r.menu, r.vars, r.exported = menu, vars, exported
	return nil
}

// config runs a file with config_file and config_directory set to it.
func (r *runner) config(f File, src string) error {
	full := "(" + r.deviceName(f.Device) + ")" + f.Path
	oldFile, hadFile := r.get("config_file")
	oldDir := r.value("config_directory")
	r.vars["config_file"], r.vars["config_directory"] = full, full[:strings.LastIndexByte(full, '/')]
	err := r.script(f.Path, src)
	switch {
	case err != nil || r.flow == shown:
		return err
	case r.flow == leave:
		return r.undetermined("%s: return in a file that a function sources", f.Path)
	}
	if hadFile {
		r.vars["config_file"], r.vars["config_directory"] = oldFile, oldDir
	}
	return nil
}
