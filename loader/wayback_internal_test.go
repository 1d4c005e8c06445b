package loader

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/bls/bli"
	"github.com/kexec-bls/kexec-bls/bls/grub"
	"github.com/kexec-bls/kexec-bls/entries/efivar"
	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader/internal/raw"
	"github.com/kexec-bls/kexec-bls/loader/state"
)

// Names of the same length: only efivarfs cuts a variable by a write.
const valueBefore, valueDuring, valueOther = "before-a.conf", "during-b.conf", "others-c.conf"

// TestRestoreVariable: what a trial has set gets its value of before, and what
// somebody else has set since remains.
func TestRestoreVariable(t *testing.T) {
	for name, c := range map[string]struct {
		change            string
		before, now, want string // "" is absent
		during            string
	}{
		"as the trial has it":               {bli.EntryDefault, valueBefore, valueDuring, valueBefore, valueDuring},
		"there was none":                    {bli.EntryDefault, "", valueDuring, "", valueDuring},
		"restored already":                  {bli.EntryDefault, valueBefore, valueBefore, valueBefore, valueDuring},
		"somebody's decision":               {bli.EntryDefault, valueBefore, valueOther, valueOther, valueDuring},
		"somebody has deleted it":           {bli.EntryDefault, valueBefore, "", "", valueDuring},
		"somebody's where there was none":   {bli.EntryDefault, "", valueOther, valueOther, valueDuring},
		"a one-shot entry, set aside":       {bli.EntryOneShot, valueBefore, "", valueBefore, ""},
		"efibc wrote over it":               {bli.EntryOneShot, valueBefore, bli.KexecJunk, valueBefore, ""},
		"another one-shot entry since":      {bli.EntryOneShot, valueBefore, valueOther, valueOther, ""},
		"what efibc writes, into a default": {bli.EntryDefault, valueBefore, bli.KexecJunk, bli.KexecJunk, valueDuring},
		"a preferred one that is consumed":  {bli.EntryPreferred, valueBefore, "", "", valueDuring},
	} {
		m := &Machine{Vars: efivar.Vars{Dir: t.TempDir()}}
		value := func(text string) []byte {
			if text == "" {
				return nil
			}
			return bli.Encode(text)
		}
		setting := state.SettingChange{Name: c.change, Attributes: 7, Before: value(c.before), During: value(c.during)}
		require.NoError(t, m.writeVariable(setting, value(c.now)), name)
		require.NoError(t, m.restoreSetting(setting), name)
		now, err := m.variable(c.change)
		require.NoError(t, err, name)
		assert.Equal(t, value(c.want), now.Before, name)
		require.NoError(t, m.restoreSetting(setting), "%s: twice is as once", name)
		again, err := m.variable(c.change)
		require.NoError(t, err, name)
		assert.Equal(t, now, again, name)
	}
}

// TestAttributesOfAVariable are those of before; a new one is kept and seen as the
// boot loader's own are.
func TestAttributesOfAVariable(t *testing.T) {
	m := &Machine{Vars: efivar.Vars{Dir: t.TempDir()}}
	for given, want := range map[uint32]uint32{0: 7, 3: 3, 0x27: 0x27} {
		require.NoError(t, m.writeVariable(state.SettingChange{Name: bli.EntryDefault, Attributes: given}, bli.Encode(valueBefore)))
		got, err := m.variable(bli.EntryDefault)
		require.NoError(t, err)
		assert.Equal(t, state.SettingChange{Name: bli.EntryDefault, Attributes: want, Before: bli.Encode(valueBefore)}, got)
	}
	require.NoError(t, m.writeVariable(state.SettingChange{Name: bli.EntryPreferred}, nil), "there is none to delete")
	got, err := m.variable(bli.EntryPreferred)
	require.NoError(t, err)
	assert.Equal(t, state.SettingChange{Name: bli.EntryPreferred}, got)
}

// envBlock writes an environment block as grub-editenv does, 1024 bytes.
func envBlock(t *testing.T, lines string) string {
	t.Helper()
	head := "# GRUB Environment Block\n" + lines
	path := filepath.Join(t.TempDir(), "grubenv")
	require.NoError(t, os.WriteFile(path, []byte(head+strings.Repeat("#", 1024-len(head))), 0o644))
	return path
}

// TestRestoreBlock: GRUB empties next_entry when it boots it, and only that one.
func TestRestoreBlock(t *testing.T) {
	for name, c := range map[string]struct {
		variable, lines string
		before          []byte
		want            []byte
	}{
		"as the trial has it":           {"saved_entry", "saved_entry=b\n", []byte("a"), []byte("a")},
		"there was none":                {"saved_entry", "saved_entry=b\n", nil, nil},
		"it was empty":                  {"saved_entry", "saved_entry=b\n", []byte{}, []byte{}},
		"restored already":              {"saved_entry", "saved_entry=a\n", []byte("a"), []byte("a")},
		"somebody's decision":           {"saved_entry", "saved_entry=c\n", []byte("a"), []byte("c")},
		"somebody has emptied it":       {"saved_entry", "saved_entry=\n", []byte("a"), []byte{}},
		"somebody has removed it":       {"saved_entry", "", []byte("a"), nil},
		"consumed, there was none":      {"next_entry", "next_entry=\n", nil, nil},
		"consumed, another one was set": {"next_entry", "next_entry=\n", []byte("a"), []byte("a")},
		"not consumed":                  {"next_entry", "next_entry=b\n", []byte("a"), []byte("a")},
		"removed, another one was set":  {"next_entry", "", []byte("a"), []byte("a")},
		"another one since":             {"next_entry", "next_entry=c\n", []byte("a"), []byte("c")},
	} {
		path := envBlock(t, "x=1\n"+c.lines+"y=2\n")
		setting := state.SettingChange{Name: c.variable, Block: raw.String(path), Before: c.before, During: []byte("b")}
		require.NoError(t, (&Machine{}).restoreSetting(setting), name)
		now, err := (&Machine{}).setting(setting)
		require.NoError(t, err, name)
		assert.Equal(t, c.want, now, name)
		text, err := readBlock(path)
		require.NoError(t, err)
		assert.Len(t, text, 1024, name)
		for variable, want := range map[string]string{"x": "1", "y": "2"} {
			value, err := blockValue(text, variable)
			require.NoError(t, err)
			assert.Equal(t, want, string(value), "%s: what is beside it remains", name)
		}
	}
}

// TestBlockThatCannotBeSet is named, and stays as it is.
func TestBlockThatCannotBeSet(t *testing.T) {
	full := envBlock(t, "x="+strings.Repeat("1", 900)+"\n")
	text := filepath.Join(t.TempDir(), "text")
	require.NoError(t, os.WriteFile(text, []byte("saved_entry=a\n"), 0o644))
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(full, link))
	for _, path := range []string{full, text, link, filepath.Dir(full), filepath.Join(t.TempDir(), "gone")} {
		was, _ := os.ReadFile(path) // of a directory there is nothing to compare
		value := strings.Repeat("v", 100)
		if path == link {
			value = "v"
		}
		require.ErrorContains(t, setBlock(path, "saved_entry", []byte(value)), path)
		now, _ := os.ReadFile(path)
		assert.Equal(t, string(was), string(now), path)
	}
}

// TestValueOfABlock: an empty value is not an absent one, and the last counts, as
// where GRUB sets one after the other.
func TestValueOfABlock(t *testing.T) {
	for lines, want := range map[string][]byte{"": nil, "a=\n": {}, "a=1\n": []byte("1"), "a=1\na=2\n": []byte("2"), "ab=1\n": nil, "# a=1\n": nil} {
		b, err := os.ReadFile(envBlock(t, lines))
		require.NoError(t, err)
		value, err := blockValue(grub.Block(b), "a")
		require.NoError(t, err, lines)
		assert.Equal(t, want, value, lines)
	}
}

func TestGrubID(t *testing.T) {
	for id, want := range map[string]string{"a.conf": "a", "a.conf.conf": "a.conf", "a": "a", "a.efi": "a.efi", ".conf": ""} {
		assert.Equal(t, want, grubID(id))
	}
}

// TestConsumed: a one-shot setting is not restored twice where the boot loader may
// have used it in between.
func TestConsumed(t *testing.T) {
	for name, c := range map[string]struct {
		restoring, selected string
		change              state.SettingChange
		want                bool
	}{
		"never restored":             {"", valueBefore, state.SettingChange{Before: bli.Encode(valueBefore)}, false},
		"by this boot":               {"now", valueBefore, state.SettingChange{Before: bli.Encode(valueBefore)}, false},
		"by another, which was it":   {"then", valueBefore, state.SettingChange{Before: bli.Encode(valueBefore)}, true},
		"in other letters":           {"then", strings.ToUpper(valueBefore), state.SettingChange{Before: bli.Encode(valueBefore)}, true},
		"another entry was selected": {"then", valueOther, state.SettingChange{Before: bli.Encode(valueBefore)}, false},
		"no boot loader says":        {"then", "", state.SettingChange{Before: bli.Encode(valueBefore)}, true},
		"it cannot be read":          {"then", valueOther, state.SettingChange{Before: []byte{1}}, true},
		"GRUB does not say":          {"then", valueOther, state.SettingChange{Block: "/env", Before: []byte(valueBefore)}, true},
	} {
		m := &Machine{Vars: efivar.Vars{Dir: t.TempDir()}, Host: host.Machine{FS: fstest.MapFS{"proc/sys/kernel/random/boot_id": {Data: []byte("now\n")}}}}
		if c.selected != "" {
			require.NoError(t, m.writeVariable(state.SettingChange{Name: bli.EntrySelected}, bli.Encode(c.selected)))
		}
		c.change.Name = bli.EntryOneShot
		assert.Equal(t, c.want, m.consumed(state.Trial{Restoring: c.restoring}, c.change), name)
	}
}
