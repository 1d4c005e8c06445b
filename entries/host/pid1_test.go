package host_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

// TestProcess1: its executable names it, which only root may see; else its own name,
// and where that is init, what init leads to.
func TestProcess1(t *testing.T) {
	for name, c := range map[string]struct {
		m    host.Machine
		want host.Kind
	}{
		"runit's first program":      {root("proc/1/comm", "runit-init\n"), host.Runit},
		"s6-linux-init":              {root("proc/1/comm", "s6-linux-init\n"), host.S6},
		"a name that begins with s6": {root("proc/1/comm", "s6svscan\n"), host.Other},
		"busybox by its own name":    {root("proc/1/comm", "busybox\n"), host.BusyBox},
		"the name goes before links": {root("proc/1/comm", "dinit\n", "proc/1/exe", "-> /bin/busybox", "sbin/init", "-> /bin/busybox"), host.Dinit},
		"the executable before init": {root("proc/1/comm", "init\n", "proc/1/exe", "-> /usr/bin/dinit", "sbin/init", "-> /bin/busybox"), host.Dinit},
		"sbin before usr":            {root("proc/1/comm", "init\n", "sbin/init", "-> openrc-init", "usr/sbin/init", "-> /bin/busybox"), host.OpenRC},
		"usr/sbin":                   {root("proc/1/comm", "init\n", "usr/sbin/init", "-> ../bin/runit-init", "usr/bin/init", "-> dinit"), host.Runit},
		"usr/bin":                    {root("proc/1/comm", "init\n", "usr/bin/init", "-> dinit", "bin/init", "-> runit"), host.Dinit},
		"bin":                        {root("proc/1/comm", "init\n", "bin/init", "-> /usr/bin/s6-linux-init"), host.S6},
		"a link to an init, then":    {root("proc/1/comm", "init\n", "sbin/init", "-> /usr/lib/init", "usr/bin/init", "-> dinit"), host.Dinit},
		"no name, an executable":     {root("proc/1/exe", "-> /sbin/dinit"), host.Dinit},
		"no name, init is a link":    {root("sbin/init", "-> dinit"), host.Other},
		"systemd in a chroot":        {root("proc/1/comm", "systemd\n"), host.Other},
		"systemd's directory counts": {root("proc/1/comm", "init\n", "proc/1/exe", "-> /bin/busybox", "run/systemd/system/", ""), host.Systemd},
		"a file where it should be":  {root("proc/1/comm", "runit\n", "run/systemd/system", "x"), host.Runit},
		"no FIFO of sysvinit":        {root("proc/1/comm", "init\n"), host.Other},
		"a FIFO, but another init":   {root("proc/1/comm", "runit\n", "run/initctl", ""), host.Runit},
	} {
		assert.Equal(t, c.want, c.m.InitSystem(), name)
	}
}

// TestUnitActive: the link leads nowhere, and a name is no path.
func TestUnitActive(t *testing.T) {
	m := root("run/systemd/units/invocation:a.service", "-> 0123", "run/systemd/units/invocation:b.service", "file", "run/systemd/units/invocation:c/d", "-> 0123")
	for unit, want := range map[string]bool{"a.service": true, "b.service": false, "c/d": false, "a": false, "": false, ".": false} {
		assert.Equal(t, want, m.UnitActive(unit), unit)
	}
}

// TestCapabilities: bit 22 decides, of the effective set.
func TestCapabilities(t *testing.T) {
	for text, want := range map[string]host.Tristate{
		"CapEff:\t0000000000400000\n": host.Yes, "CapEff:\t0000000000200000\n": host.No, "CapEff:\t0000000000800000\n": host.No,
		"CapPrm:\t0000000000400000\nCapEff:\t0000000000000000\n": host.No, "CapBnd:\t0000000000400000\n": host.Unknown,
		"CapEff:\tffffffffffffffff\n": host.Yes, "CapEff:\t1ffffffffffffffff\n": host.Unknown, "CapEff:\t0x400000\n": host.Unknown, "CapEff:\n": host.Unknown,
	} {
		assert.Equal(t, want, machine("proc/self/status", text).SysBoot(), text)
	}
}

// TestNamespaces: the first one maps every user to itself, and has a fixed number.
func TestNamespaces(t *testing.T) {
	for text, want := range map[string]host.Tristate{
		"0 0 4294967295\n": host.No, "\t0  0\t4294967295": host.No,
		"0 0 4294967294\n": host.Yes, "0 1000 1\n": host.Yes, "1 0 4294967295\n": host.Yes, "0 0 1\n1 1 4294967294\n": host.Yes, "0 0 4294967295\n0 0 4294967295\n": host.Yes,
		"\n": host.Unknown,
	} {
		assert.Equal(t, want, machine("proc/self/uid_map", text).UserNamespace(), text)
	}
	assert.Equal(t, host.Unknown, machine("proc/self/ns/pid", "pid:[4026531836]").PIDNamespace(), "no link")
	assert.Equal(t, host.Yes, root("proc/self/ns/pid", "-> pid:[40265318361]").PIDNamespace())
}

// TestSeccompModes: 2 is a filter, 1 the strict mode, in which nothing here would run.
func TestSeccompModes(t *testing.T) {
	for text, want := range map[string]bool{"Seccomp:\t0\n": false, "Seccomp:\t1\n": false, "Seccomp:\t2\n": true, "Seccomp_filters:\t2\n": false} {
		assert.Equal(t, want, machine("proc/self/status", text).Seccomp(), text)
	}
}

// TestCertificates are lines of proc_keys(5) in the forms that x509_key_preparse gives
// a description.
func TestCertificates(t *testing.T) {
	const head = "031a21e8 I------     1 perm 1f030000     0     0 "
	for line, want := range map[string][]host.Key{
		"asymmetri A: 00ff: X509.rsa 00ff []":                    {{Name: "A", ID: "00ff"}},
		"asymmetri A: 00FF: X509.rsa":                            {{Name: "A", ID: "00ff"}},
		"asymmetri A  b: 00ff: X509.rsa":                         {{Name: "A b", ID: "00ff"}},
		"asymmetri A: xyz: X509.rsa":                             {{Name: "A"}},
		"asymmetri A: 00ff":                                      {{Name: "A"}},
		"asymmetri A":                                            {{Name: "A"}},
		"asymmetri A: B: 00ff: X509.rsa":                         {{Name: "A: B", ID: "00ff"}},
		"asymmetri A: 00ff: 11ee: X509.rsa":                      {{Name: "A: 00ff", ID: "11ee"}},
		"asymmetric A: 00ff: X509.rsa":                           nil,
		"user      A: 00ff: X509.rsa":                            nil,
		"asymmetri":                                              nil,
		"asymmetri A: 00ff: x\n" + head + "user":                 {{Name: "A", ID: "00ff"}},
		"asymmetri A: 00ff: x\n" + head + "asymmetri B: 00ff: x": {{Name: "A", ID: "00ff"}, {Name: "B", ID: "00ff"}},
	} {
		keys, known := machine("proc/keys", head+line+"\n").TrustedKeys()
		assert.True(t, known, line)
		assert.Equal(t, want, keys, line)
	}
	assert.Equal(t, []string{"lockdown"}, machine("sys/kernel/security/lsm", "lockdown\n").LSMs())
}
