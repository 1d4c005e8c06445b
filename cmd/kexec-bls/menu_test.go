package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/bli"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/menu"
	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/term"
	"github.com/kexec-bls/kexec-bls/loader/reboot"
)

// menuMachine is one with two entries, whose user answers with choose.
func menuMachine(t *testing.T, choose func(menu.Options) menu.Choice) (*fake, string) {
	f, dir := newFake(t, map[string]string{
		"loader/loader.conf":           "default arch.conf\n",
		"loader/entries/arch.conf":     archConf,
		"loader/entries/other.conf":    otherConf,
		"loader/entries/gone.conf":     "title Gone\nlinux /gone\n",
		"loader/entries/\x1b[31m.conf": otherConf,
		"a.img":                        archive("a"), "b.img": archive("b"),
	})
	f.choose = func(_ context.Context, opt menu.Options) (menu.Choice, error) { return choose(opt), nil }
	return f, dir
}

// drawn is a plan on a wide terminal.
func drawn(p menu.Plan) string { return strings.Join(p.Draw(term.View{Width: 300}), "\n") }

func TestMenuShowsWhatShowAndCheckSay(t *testing.T) {
	f, dir := menuMachine(t, func(opt menu.Options) menu.Choice {
		var ids []string
		for _, r := range opt.Rows {
			ids = append(ids, r.ID)
			assert.NotContains(t, r.Label, "\x1b")
			assert.Equal(t, r.ID == "arch.conf", r.Next, r.ID)
		}
		assert.Equal(t, "lab", opt.Host)
		assert.Equal(t, "arch.conf", opt.Next)
		assert.Equal(t, "6.1.0", opt.Running, "no entry of it is known")
		assert.Contains(t, ids, "other.conf")
		assert.NotContains(t, ids, "gone.conf", "systemd-boot hides it")

		plan := opt.Plan("arch.conf", nil)
		text := drawn(plan)
		assert.Contains(t, text, "\n  initrd    ")
		assert.Contains(t, text, "\n  cmdline   root=/dev/vda2 rw quiet x=1\n")
		assert.Contains(t, text, "\n            + rw x=1\n", "what the running system has not")
		assert.Contains(t, text, "\nok      kernel   Linux 6.1.0 runs")
		assert.Contains(t, text, "nothing was found that would prevent a kexec into arch.conf")
		assert.Equal(t, "root=/dev/vda2 rw quiet x=1", plan.Cmdline)
		assert.Empty(t, plan.Refused)

		line := "single"
		plan = opt.Plan("arch.conf", &line)
		assert.Equal(t, "single", plan.Cmdline, "flags are in the line that was edited already")

		plan = opt.Plan("nosuch.conf", nil)
		assert.Contains(t, drawn(plan), "nosuch.conf")
		assert.False(t, plan.Firmware, "it is not what the boot loader would boot")
		assert.NotEmpty(t, plan.Refused)
		return menu.Choice{}
	})
	f.lay(t, map[string]string{"proc/sys/kernel/hostname": "lab\n"})
	got := f.run("--esp-path="+dir, "reboot", "--menu", "--append=x=1")
	require.Equal(t, exitDone, got.code, got.stderr)
	assert.Empty(t, got.stdout)
	assert.Contains(t, got.stderr, "nothing was loaded")
	assert.Empty(t, f.acts)
}

func TestMenuRefusesABlockedEntry(t *testing.T) {
	f, dir := menuMachine(t, func(opt menu.Options) menu.Choice {
		plan := opt.Plan("arch.conf", nil)
		assert.Contains(t, plan.Refused, "an error would end the reboot")
		assert.Regexp(t, "^error ", drawn(plan), "it comes first, a small screen shows no more")
		return menu.Choice{}
	})
	write(t, filepath.Join(f.dir, "proc"), map[string]string{"sys/kernel/kexec_load_disabled": "1\n"})
	assert.Equal(t, exitDone, f.run("--esp-path="+dir, "reboot", "--menu").code)
}

func TestMenuReboots(t *testing.T) {
	line := "root=/dev/vda3 single"
	f, dir := menuMachine(t, func(menu.Options) menu.Choice {
		return menu.Choice{Action: menu.Reboot, ID: "other.conf", Cmdline: &line}
	})
	write(t, dir, map[string]string{"../etc/kexec-bls.toml": "[cmdline]\nappend = [\"once\"]\n"})
	got := f.run("--esp-path="+dir, "reboot", "--menu")
	require.Equal(t, exitDone, got.code, got.stderr)
	assert.Equal(t, []string{"load", "systemctl kexec into other.conf"}, f.acts)
	assert.Equal(t, line, f.cmdline, "as it was edited, nothing else")

	f.acts, f.cmdline = nil, ""
	write(t, dir, map[string]string{"b.img": archive("newer")})
	require.Equal(t, exitDone, f.run("hook", "reload").code)
	assert.Equal(t, []string{"load"}, f.acts)
	assert.Equal(t, line, f.cmdline, "the configuration is in the line already")
}

func TestMenuLoads(t *testing.T) {
	f, dir := menuMachine(t, func(menu.Options) menu.Choice { return menu.Choice{Action: menu.Load, ID: "other.conf"} })
	got := f.run("--esp-path="+dir, "reboot", "--menu")
	require.Equal(t, exitDone, got.code, got.stderr)
	assert.Equal(t, []string{"load"}, f.acts)
	assert.Contains(t, got.stderr, "other.conf is loaded")
}

// TestMenuDryRun: whatever is chosen is shown and not done.
func TestMenuDryRun(t *testing.T) {
	for _, action := range []menu.Action{menu.Reboot, menu.Load} {
		f, dir := menuMachine(t, func(menu.Options) menu.Choice { return menu.Choice{Action: action, ID: "other.conf"} })
		got := f.run("--esp-path="+dir, "reboot", "--menu", "-n")
		require.Equal(t, exitDone, got.code, got.stderr)
		assert.Contains(t, got.stdout, "other.conf")
		assert.Empty(t, f.acts)
	}
}

// What kexec cannot start is booted once by the boot loader, if that can do it.
func TestMenuThroughFirmware(t *testing.T) {
	for _, tt := range []struct {
		features byte
		want     string
	}{{1 << 3, "win.conf"}, {0, ""}} {
		f, dir := menuMachine(t, func(opt menu.Options) menu.Choice {
			plan := opt.Plan("win.conf", nil)
			assert.NotEmpty(t, plan.Refused)
			assert.Equal(t, tt.want != "", plan.Firmware)
			assert.True(t, opt.Plan("arch.conf", nil).Firmware, "it is next anyway")
			return menu.Choice{Action: menu.Firmware, ID: "win.conf"}
		})
		write(t, dir, map[string]string{"loader/entries/win.conf": "title Windows\nefi /app.efi\n"})
		write(t, f.efivars, map[string]string{"LoaderFeatures-" + bli.LoaderVendor: "\x06\x00\x00\x00" + string([]byte{tt.features}) + "\x00\x00\x00\x00\x00\x00\x00"})
		entry := "none"
		f.machine.Init.Reboot = func(_ context.Context, o reboot.Options) error { entry = o.Entry; return nil }
		got := f.run("--esp-path="+dir, "reboot", "--menu")
		require.Equal(t, exitDone, got.code, got.stderr)
		assert.Equal(t, tt.want, entry)
	}
}

func TestMenuSaysWhyThereIsNothing(t *testing.T) {
	f, dir := newFake(t, map[string]string{"loader/entries/gone.conf": "linux /gone\n"})
	f.choose = func(_ context.Context, opt menu.Options) (menu.Choice, error) {
		assert.Empty(t, opt.Rows)
		assert.Contains(t, opt.Empty, "none of 1 entries can be booted; kexec-bls list shows why")
		return menu.Choice{}, nil
	}
	assert.Equal(t, exitDone, f.run("--esp-path="+dir, "reboot", "--menu").code)
}

func TestMenuMarks(t *testing.T) {
	f, dir := menuMachine(t, func(opt menu.Options) menu.Choice {
		marks := map[string]term.Mark{}
		for _, r := range opt.Rows {
			marks[r.ID] = r.Mark
		}
		assert.Equal(t, term.OK, marks["arch.conf"])
		assert.Equal(t, term.Warning, marks["half.conf"])
		assert.Equal(t, term.Error, marks["win.conf"])
		return menu.Choice{}
	})
	write(t, dir, map[string]string{"loader/entries/win.conf": "efi /app.efi\n", "loader/entries/half.conf": "linux /vmlinuz\ninitrd /gone.img\n"})
	assert.Equal(t, exitDone, f.run("--esp-path="+dir, "reboot", "--menu").code)
}

func TestMenuOnADumbTerminal(t *testing.T) {
	f, dir := menuMachine(t, func(menu.Options) menu.Choice { t.Error("nothing can be drawn"); return menu.Choice{} })
	f.getenv = func(name string) string { return map[string]string{"TERM": "dumb"}[name] }
	f.lookup = func(name string) (string, bool) { return f.getenv(name), f.getenv(name) != "" }
	got := f.run("--esp-path="+dir, "reboot", "--menu")
	assert.Equal(t, exitUsage, got.code)
	assert.Contains(t, got.stderr, "TERM is dumb; name the ENTRY")
}

func TestMenuUsage(t *testing.T) {
	f, dir := menuMachine(t, func(menu.Options) menu.Choice { t.Error("nobody was to be asked"); return menu.Choice{} })
	for _, args := range [][]string{{"arch.conf"}, {"--loaded"}, {"--firmware"}, {"--when=cancel"}} {
		got := f.run(append([]string{"--esp-path=" + dir, "reboot", "--menu"}, args...)...)
		assert.Equal(t, exitUsage, got.code, args)
	}
	f.choose = func(context.Context, menu.Options) (menu.Choice, error) { return menu.Choice{}, menu.ErrNoTerminal }
	assert.Equal(t, exitUsage, f.run("--esp-path="+dir, "reboot", "--menu").code)
}
