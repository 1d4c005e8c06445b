package tpm

import (
	"bytes"
	"path"
	"slices"
	"strconv"
	"strings"
)

// A unit of the initrd that may extend PCRs.
type unit struct {
	name       string
	conditions []condition
	extends    []extension
	setup      bool // systemd-tpm2-setup, which initializes NvPCRs
}

// A condition is Condition...= or Assert...= of a unit.
type condition struct{ key, value string }

// An extension is one word that goes into some PCRs.
type extension struct {
	pcrs []int
	word string // "" where it is not known
}

const (
	separatorUnit = "systemd-pcrosseparator.service"
	phaseUnit     = "systemd-pcrphase-initrd.service"
	setupUnit     = "systemd-tpm2-setup-early.service"
	nvDoneUnit    = "systemd-pcrnvdone.service"
)

// ordered are the units that are known to extend before a volume is opened, in
// their order.
func ordered() []string { return []string{separatorUnit, phaseUnit, setupUnit, nvDoneUnit} }

// measures reports whether a unit may extend PCRs.
func measures(content []byte) bool {
	for _, program := range []string{"pcrextend", "systemd-pcrphase", "systemd-tpm2-setup"} {
		if bytes.Contains(content, []byte(program)) {
			return true
		}
	}
	return false
}

// units are those that something in the initrd pulls in and nothing masks, the
// ordered ones first.
func (i Initrd) units(line string) []unit {
	var names []string
	for name := range i.wants {
		if _, ok := i.unitFile(name); ok && !i.masks(line, name) {
			names = append(names, name)
		}
	}
	rank := func(name string) int {
		if n := slices.Index(ordered(), name); n >= 0 {
			return n
		}
		return len(ordered())
	}
	slices.SortFunc(names, func(a, b string) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	var units []unit
	for _, name := range names {
		e, _ := i.unitFile(name)
		u := parseUnit(name, e.content)
		if e.err != nil {
			u.conditions = append(u.conditions, condition{"content", e.err.Error()})
			u.extends = append(u.extends, extension{pcrs: allPCRs()})
		}
		if i.dropIns[name] {
			u.conditions = append(u.conditions, condition{"drop-in", name + ".d"})
		}
		units = append(units, u)
	}
	return units
}

// unitFile is the file that counts: of /etc, /run and /usr/lib, in that order. A
// link to anything but /dev/null leads to one of the others.
func (i Initrd) unitFile(name string) (entry, bool) {
	for _, dir := range unitDirs() {
		if e, ok := i.files[dir+name]; ok && (e.link == "" || e.link == "/dev/null") {
			return e, true
		}
	}
	return entry{}, false
}

// masks reports whether a unit is a link to /dev/null, empty, or masked by a
// kernel parameter, for which systemd-debug-generator must be there.
func (i Initrd) masks(line, name string) bool {
	e, _ := i.unitFile(name)
	return e.link == "/dev/null" || e.link == "" && e.err == nil && len(e.content) == 0 ||
		i.has(debugGenerator) && masked(line, "rd.systemd.mask", name)
}

func allPCRs() []int {
	all := make([]int, NumPCRs)
	for n := range all {
		all[n] = n
	}
	return all
}

// parseUnit reads the few settings that matter here.
func parseUnit(name string, content []byte) unit {
	u := unit{name: name}
	text := strings.ReplaceAll(string(content), "\\\n", " ")
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok || strings.HasPrefix(key, "#") || strings.HasPrefix(key, ";") {
			continue
		}
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		switch {
		case strings.HasPrefix(key, "Condition"), strings.HasPrefix(key, "Assert"):
			u.conditions = append(u.conditions, condition{key, value})
		case key == "ExecStart" || key == "ExecStartPre" || key == "ExecStartPost":
			u.exec(value)
		}
	}
	return u
}

// exec notes what a command extends.
func (u *unit) exec(command string) {
	words := strings.Fields(strings.TrimLeft(command, "-@:+!|"))
	if len(words) == 0 {
		return
	}
	switch program := path.Base(words[0]); {
	case program == "systemd-pcrextend" || program == "systemd-pcrphase":
		if e := parsePCRExtend(words[1:]); len(e.pcrs) > 0 {
			u.extends = append(u.extends, e)
		}
	case program == "systemd-tpm2-setup":
		u.setup = true
	case strings.Contains(command, "pcrextend"):
		u.extends = append(u.extends, extension{pcrs: allPCRs()})
	}
}

// parsePCRExtend reads the arguments of systemd-pcrextend(8). An extension
// without PCRs goes to an NvPCR. Without --pcr= it is PCR 11, of several all are
// extended.
func parsePCRExtend(args []string) extension {
	e, given := extension{pcrs: []int{11}}, []int(nil)
	for _, arg := range args {
		option, value, _ := strings.Cut(arg, "=")
		switch option {
		case "--os-separator":
			return extension{[]int{0, 1, 2, 3, 4, 5, 6, 7, 9, 12, 13, 14}, "os-separator"}
		case "--pcr":
			n := pcrNumber(value)
			if n == nil {
				return extension{pcrs: allPCRs()}
			}
			given = union(given, n)
			e.pcrs = given
		case "--nvpcr", "--product-id":
			return extension{}
		case "--machine-id", "--file-system":
			return extension{pcrs: []int{15}}
		case "--graceful", "--early", "--event-type", "--tpm2-device":
		default:
			if strings.HasPrefix(arg, "-") || strings.ContainsAny(arg, `%"'\$`) {
				return extension{pcrs: e.pcrs}
			}
			e.word = arg
		}
	}
	return e
}

// pcrNumber reads the number or systemd's name of a PCR (systemd-analyze(1),
// pcrs); nil for neither.
func pcrNumber(s string) []int {
	names := []string{"platform-code", "platform-config", "external-code", "external-config", "boot-loader-code", "boot-loader-config", "host-platform",
		"secure-boot-policy", "", "kernel-initrd", "ima", "kernel-boot", "kernel-config", "sysexts", "shim-policy", "system-identity"}
	if n, err := strconv.Atoi(s); err == nil && n >= 0 && n < NumPCRs {
		return []int{n}
	}
	if n := slices.Index(names, s); n >= 0 && s != "" {
		return []int{n}
	}
	return nil
}
