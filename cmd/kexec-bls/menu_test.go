package main

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/cmd/kexec-bls/internal/menu"
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

func TestMenuShowsWhatShowAndCheckSay(t *testing.T) {
	f, dir := menuMachine(t, func(opt menu.Options) menu.Choice {
		var ids []string
		for _, r := range opt.Rows {
			ids = append(ids, r.ID)
			assert.NotContains(t, r.Label, "\x1b")
			assert.Equal(t, r.ID == "arch.conf", r.Next, r.ID)
		}
		assert.Contains(t, ids, "other.conf")
		assert.NotContains(t, ids, "gone.conf", "systemd-boot hides it")

		plan := opt.Plan("arch.conf", nil)
		assert.Contains(t, plan.Text, "initrd     ")
		assert.Contains(t, plan.Text, "cmdline    root=/dev/vda2 rw quiet x=1")
		assert.Equal(t, "root=/dev/vda2 rw quiet x=1", plan.Cmdline)
		assert.Empty(t, plan.Refused)

		line := "single"
		plan = opt.Plan("arch.conf", &line)
		assert.Equal(t, "single", plan.Cmdline, "flags are in the line that was edited already")

		plan = opt.Plan("nosuch.conf", nil)
		assert.Contains(t, plan.Text, "nosuch.conf")
		assert.NotEmpty(t, plan.Refused)
		return menu.Choice{}
	})
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
		assert.Regexp(t, "^error ", plan.Text, "it comes first, a small screen shows no more")
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

func TestMenuUsage(t *testing.T) {
	f, dir := menuMachine(t, func(menu.Options) menu.Choice { t.Error("nobody was to be asked"); return menu.Choice{} })
	for _, args := range [][]string{{"arch.conf"}, {"--loaded"}, {"--firmware"}, {"--when=cancel"}} {
		got := f.run(append([]string{"--esp-path=" + dir, "reboot", "--menu"}, args...)...)
		assert.Equal(t, exitUsage, got.code, args)
	}
	f.choose = func(context.Context, menu.Options) (menu.Choice, error) { return menu.Choice{}, menu.ErrNoTerminal }
	assert.Equal(t, exitUsage, f.run("--esp-path="+dir, "reboot", "--menu").code)
}
