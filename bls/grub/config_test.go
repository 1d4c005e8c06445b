package grub

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// header is what distributions write at the head of grub.cfg.
const header = `
set pager=1
if [ -f ${config_directory}/grubenv ]; then
  load_env -f ${config_directory}/grubenv
elif [ -s $prefix/grubenv ]; then
  load_env
fi
if [ "${env_block}" ] ; then
  set env_block="(${root})${env_block}"
  export env_block
  load_env -f "${env_block}"
fi
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
   if [ "${env_block}" ] ; then
     save_env -f "${env_block}" next_entry
   else
     save_env next_entry
   fi
   set boot_once=true
else
   set default="${saved_entry}"
fi
if [ x"${feature_menuentry_id}" = xy ]; then
  menuentry_id_option="--id"
else
  menuentry_id_option=""
fi
export menuentry_id_option
if [ "${prev_saved_entry}" ]; then
  set saved_entry="${prev_saved_entry}"
  save_env saved_entry
  set prev_saved_entry=
  save_env prev_saved_entry
  set boot_once=true
fi
function savedefault {
  if [ -z "${boot_once}" ]; then
    saved_entry="${chosen}"
    save_env saved_entry
  fi
}
function load_video {
  if [ x$feature_all_video_module = xy ]; then
    insmod all_video
  else
    insmod efi_gop
  fi
}
terminal_output console
if [ x$feature_timeout_style = xy ] ; then
  set timeout_style=menu
  set timeout=5
# Fallback normal timeout code in case the timeout_style feature is
# unavailable.
else
  set timeout=5
fi
if loadfont $font ; then
  set gfxmode=auto
fi
`

// footer is what Fedora's 08, 10, 12 and 30 write after it.
const footer = `
insmod increment
# Check if boot_counter exists and boot_success=0 to activate this behaviour.
if [ -n "${boot_counter}" -a "${boot_success}" = "0" ]; then
  if  [ "${boot_counter}" = "0" -o "${boot_counter}" = "-1" ]; then
    set default=1
    set boot_counter=-1
  else
    decrement boot_counter
  fi
  save_env boot_counter
fi
if [ -z "${kernelopts}" ]; then
  set kernelopts="root=UUID=1 ro quiet"
fi
insmod blscfg
blscfg
if [ "${boot_success}" = "1" -o "${boot_indeterminate}" = "1" ]; then
  set menu_hide_ok=1
else
  set menu_hide_ok=0
fi
if [ "${boot_success}" = "1" ] ; then
  set boot_indeterminate=0
elif [ "${boot_indeterminate}" = "1" ]; then
  set boot_indeterminate=2
fi
set boot_success=0
save_env boot_success boot_indeterminate
if [ x$feature_timeout_style = xy ] ; then
  if [ "${menu_show_once}" ]; then
    unset menu_show_once
    save_env menu_show_once
    set timeout=60
  elif [ "${menu_auto_hide}" -a "${menu_hide_ok}" = "1" ]; then
    set timeout=1
    if keystatus --shift; then set timeout=-1; fi
  fi
fi
if [ "$grub_platform" = "efi" ]; then
	fwsetup --is-supported
	if [ "$?" = 0 ]; then
		menuentry 'UEFI Firmware Settings' $menuentry_id_option 'uefi-firmware' {
			fwsetup
		}
	fi
fi
if [ ! insmod bli ]; then true; fi
if [ -f  $prefix/custom.cfg ]; then
  source $prefix/custom.cfg
elif [ -z "${config_directory}" -a -f  ${prefix}/custom.cfg ]; then
  source $prefix/custom.cfg
fi
`

func fedora(env string) disk {
	d := entries("c", "b", "a")
	d["grub2/grubenv"] = string(pad(env, 1024))
	return d
}

func TestFedoraConfig(t *testing.T) {
	for _, c := range []struct{ name, env, want, after string }{
		{"nothing", "", "c", "boot_success=0\n"},
		{"saved", "saved_entry=b\nboot_success=1\n", "b", "saved_entry=b\nboot_success=0\nboot_indeterminate=0\n"},
		{"next", "saved_entry=b\nnext_entry=a\n", "a", "saved_entry=b\nnext_entry=\nboot_success=0\n"},
		{"next is nowhere", "saved_entry=b\nnext_entry=x\n", "c", "saved_entry=b\nnext_entry=\nboot_success=0\n"},
		{"prev_saved_entry", "saved_entry=b\nprev_saved_entry=a\n", "b", "saved_entry=a\nprev_saved_entry=\nboot_success=0\n"},
		{"counter used up", "saved_entry=a\nboot_success=0\nboot_counter=0\n", "b", "saved_entry=a\nboot_success=0\nboot_counter=-1\n"},
		{"counter goes down", "saved_entry=a\nboot_success=0\nboot_counter=2\n", "a", "saved_entry=a\nboot_success=0\nboot_counter=1\n"},
		{"counter of a success", "saved_entry=a\nboot_success=1\nboot_counter=0\n", "a", "saved_entry=a\nboot_success=0\nboot_counter=0\nboot_indeterminate=0\n"},
		{"save_default", "saved_entry=a\nsave_default=true\n", "a", "saved_entry=a\nsave_default=true\nboot_success=0\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := fedora(c.env)
			b := Next(d.machine(header + footer))
			require.NoError(t, b.Err)
			assert.Equal(t, c.want, b.Default.ID)
			require.Len(t, b.Writes, 1)
			assert.Equal(t, string(pad(c.after, 1024)), string(b.Writes[0].Block))
			assert.Equal(t, "/grub2/grubenv", b.Writes[0].Path)
			assert.EqualValues(t, -1, b.Writes[0].Offset)
			assert.Equal(t, strings.Contains(c.env, "next_entry"), b.Next != nil)
			if b.Next != nil {
				assert.Contains(t, string(b.Next.Block), "next_entry=\n####", "nothing else is changed")
			}
		})
	}
}

func TestNextIsKept(t *testing.T) {
	d := fedora("next_entry=a\n")
	d["grub2/grubenv"] = blockHeader + "next_entry=a\n\x00\x00\x00"
	b := Next(d.machine(header + footer))
	require.NoError(t, b.Err)
	assert.Equal(t, "a", b.Default.ID)
	assert.Nil(t, b.Next)
	assert.ErrorIs(t, b.NextErr, ErrBlockFull)

	m := fedora("next_entry=a\n").machine(header + footer)
	m.Start.ReadOnly = true
	b = Next(m)
	assert.ErrorIs(t, b.NextErr, errReadOnly)
	assert.Empty(t, b.Writes)
}

func TestRawBlock(t *testing.T) {
	d := fedora("env_block=1+1\nsaved_entry=b\nnext_entry=b\n")
	m := d.machine(header + footer)
	raw := append(make([]byte, sector), pad("next_entry=a\n", sector)...)
	m.Start.Disk = bytes.NewReader(raw)
	b := Next(m)
	require.NoError(t, b.Err)
	assert.Equal(t, "a", b.Default.ID)
	require.NotNil(t, b.Next)
	assert.EqualValues(t, sector, b.Next.Offset)
	assert.Equal(t, string(pad("next_entry=\n", sector)), string(b.Next.Block))

	m.Start.Disk = bytes.NewReader(raw[:sector])
	assert.Equal(t, "b", Next(m).Default.ID, "it ends before the block")

	m.Start.Disk = nil
	var u *UndeterminedError
	assert.ErrorAs(t, Next(m).Err, &u)
}

func TestStub(t *testing.T) {
	boot := fedora("saved_entry=b\n")
	boot["grub2/grub.cfg"] = "search --no-floppy --fs-uuid --set=root 1234-uuid-of-boot\n" + header + footer
	boot["grub2/custom.cfg"] = "set default=custom\nmenuentry Custom --id=custom { linux /x; }\n"
	b := disk{
		"EFI/fedora/grub.cfg": "search --no-floppy --root-dev-only --fs-uuid --set=dev 1234-uuid-of-boot\nset lost=1\nset prefix=($dev)/grub2\nexport $prefix\nconfigfile $prefix/grub.cfg\nmenuentry never { true; }\n",
		"EFI/fedora/grubenv":  string(pad("saved_entry=a\n", 1024)),
		"EFI/aaa/grubenv":     string(pad("saved_entry=a\n", 1024)),
	}
	for _, uuid := range []string{"", "1234-UUID-of-boot"} {
		fs := &Device{FS: boot.fs(), UUID: uuid}
		esp := &Device{FS: b.fs(), FAT: true}
		got := Next(&Machine{Devices: []*Device{fs, esp}, Start: esp, Dir: "EFI/fedora"})
		require.ErrorIs(t, got.Err, ErrNotEntry)
		assert.Equal(t, []string{"c", "b", "a", "custom"}, ids(got))
		assert.Equal(t, "custom", got.Chosen.ID)
		assert.Equal(t, "", got.run.value("lost"), "a configfile inherits what is exported only")
	}
	other := &Device{FS: boot.fs(), UUID: "other"}
	esp := &Device{FS: b.fs(), FAT: true, UUID: "ABCD-1234"}
	var u *UndeterminedError
	assert.ErrorAs(t, Next(&Machine{Devices: []*Device{other, esp}, Start: esp, Dir: "EFI/fedora"}).Err, &u)
}

func TestCoreOS(t *testing.T) {
	cfg := `set ignition_firstboot=""
if [ -f "/ignition.firstboot" ]; then
    set ignition_network_kcmdline=''
    if [ -s "/ignition.firstboot" ]; then
        source "/ignition.firstboot"
    fi
    set ignition_firstboot="ignition.firstboot ${ignition_network_kcmdline}"
fi
blscfg
`
	d := disk{"loader": "-> loader.1", "loader.1/entries/ostree-1.conf": "linux /k\noptions $ignition_firstboot root=1 rw\n", "k": ""}
	for stamp, want := range map[string]string{
		"absent": "root=1 rw",
		"":       "ignition.firstboot root=1 rw",
		"set ignition_network_kcmdline='rd.neednet=1 ip=dhcp'\n": "ignition.firstboot rd.neednet=1 ip=dhcp root=1 rw",
	} {
		if d["ignition.firstboot"] = stamp; stamp == "absent" {
			delete(d, "ignition.firstboot")
		}
		b := Next(d.machine(cfg))
		require.NoError(t, b.Err)
		assert.Equal(t, want, b.Command.Cmdline)
	}
}

func TestScript(t *testing.T) {
	for _, c := range []struct{ name, script, want string }{
		{"elif", "if false; then default=a; elif true; then default=b; else default=c; fi", "b"},
		{"not", "if ! false; then default=b; fi", "b"},
		{"one line", "if [ -n x ]; then set default=b; fi; true", "b"},
		{"for", "for x in b c; do set default=$x; break; done", "b"},
		{"while", "set i=0\nwhile [ $i -lt 3 ]; do increment i; done\nif [ $i = 3 ]; then default=b; fi", "b"},
		{"until", "set i=0\nuntil [ $i -ge 2 ]; do increment i; continue; done\nset default=$i", "a"},
		{"function", "function f {\n  set default=$2\n  return\n  set default=a\n}\nf x b", "b"},
		{"line goes on", "set \\\n  default=b", "b"},
		{"quotes over lines", "set x='a\nb'\nif [ \"$x\" = \"a\nb\" ]; then default=b; fi", "b"},
		{"test and", "if [ x = x -a y = z ]; then default=a; else default=b; fi", "b"},
		{"test or", "if [ x = y -o y = y ]; then default=b; fi", "b"},
		{"test operand", "if [ ! = a ]; then default=a; else default=b; fi", "b"},
		{"test operand of numbers", "if [ ! -ge x ]; then default=b; fi", "b"},
		{"test parenthesis", "if [ ( = a ]; then default=a; else default=b; fi", "b"},
		{"test numbers after a prefix", "if [ linux-6.18 -pgt linux-6.2 -a 6.9 -plt 6.10 -a ab10x -pgt ab9 -a a7 -plt a010 ]; then default=b; fi", "b"},
		{"test numbers after none", "if [ abc12 -pgt 9 -o a9 -plt b10 -o 10 -pgt 1 ]; then default=a; else default=b; fi", "b"},
		{"test group", "if [ ! ( x = y -o y = y ) ]; then default=a; else default=b; fi", "b"},
		{"test file", "if [ -e /k-a -a -d /loader -a ! -f /loader -a ! -s /k-a ]; then default=b; fi", "b"},
		{"source", "source /inc.cfg", "b"},
		{"a slash after a file", "source /inc.cfg/", "b"},
		{"status of return outside of functions", "if return; then default=a; else default=b; fi", "b"},
		{"unset", "default=a\nunset default", "c"},
		{"comment", "default=b # default=a", "b"},
		{"failed configfile", "configfile /none\ndefault=b", "b"},
		{"dot and glob", "if [ '*' = \"*\" ]; then default=b; fi", "b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := entries("c", "b", "a")
			d["inc.cfg"] = "default=a\nreturn # is an error where no function runs\ndefault=b\n"
			b := Next(d.machine(c.script + "\nblscfg\n"))
			require.NoError(t, b.Err)
			assert.Equal(t, c.want, b.Default.ID)
		})
	}
}

func TestUndetermined(t *testing.T) {
	for name, script := range map[string]string{
		"syntax":              "if true; then",
		"stray word":          "fi",
		"numbers too large":   "if [ 1764417600 -gt 1764417599 ]; then blscfg; fi",
		"quote":               "set x='a",
		"pipe":                "echo a | cat",
		"unknown command":     "frobnicate",
		"exit":                "exit",
		"eval":                "eval default=a",
		"condition":           "if probe --set=x -u $root; then default=b; fi",
		"condition of more":   "if probe --set=x -u $root; then blscfg; fi",
		"condition in it":     "if probe --set=x -u $root; then if configfile /x; then default=b; fi; fi",
		"branch of a loop":    "if probe --set=x -u $root; then for i in 1; do set default=b; done; fi",
		"unknown_text":        "probe --set x -u $root\nset default=$x",
		"unknown_comparison":  "smbios --type 1 --set x\nif [ \"$x\" = y ]; then default=b; fi",
		"unknown_file":        "probe --set d x\nif [ -f ($d)/x ]; then default=b; fi",
		"device_name":         "if [ $root = hd0,gpt2 ]; then default=b; fi",
		"unknown file system": "search --file --set=d /none\nsource ($d)/x",
		"endless loop":        "while true; do true; done",
		"endless recursion":   "function f {\n f\n}\nf",
		"endless source":      "source /grub2/grub.cfg",
		"endless blscfg":      "for i in 1 2 3 4 5 6 7 8 9; do for j in 1 2 3 4 5 6 7 8; do blscfg; done; done",
		"growth":              "set x=0123456789abcdef\nwhile true; do set x=$x$x; done",
		"deep":                strings.Repeat("if true; then ", 100),
		"a folder of Fedora":  "insmod blscfg\nblscfg /loader/entries",
		"one entry file":      "blscfg ($root)/loader/entries/a.conf",
		"two folders":         "blscfg ($root)/loader/entries\nblscfg ($root)/grub2",
		"names of disks":      "echo *",
		"linux at top level":  "linux /k-a",
		"return for another":  "function f {\n  source /inc.cfg\n}\nf",
	} {
		t.Run(name, func(t *testing.T) {
			d := entries("c", "b", "a")
			d["inc.cfg"] = "return\n"
			b := Next(d.machine(script + "\nblscfg\n"))
			var u *UndeterminedError
			require.ErrorAs(t, b.Err, &u)
			assert.Nil(t, b.Default)
			if !member(name, "unknown_text condition unknown_comparison unknown_file device_name") { // found out after grub.cfg
				assert.Contains(t, u.Where, "/grub2/grub.cfg:")
			}
		})
	}
}

// What only sets variables leaves them unknown, and all else as it is.
func TestUnknownConditionOfNoEffect(t *testing.T) {
	script := "if hwmatch /x 3; then\n if [ ${match} = 0 ]; then set gfx=keep; else gfx=text; fi\nelif true; then set mode=$gfx; else true; fi\n"
	b := Next(entries("c", "b", "a").machine(script + "default=b\nblscfg\n"))
	require.NoError(t, b.Err)
	assert.Equal(t, "b", b.Default.ID)
	d := entries("b")
	d["loader/entries/b.conf"] += "options $gfx\n"
	var u *UndeterminedError
	assert.ErrorAs(t, Next(d.machine(script+"blscfg\n")).Err, &u)
}

func TestAssumedScript(t *testing.T) {
	d := fedora("saved_entry=a\nnext_entry=b\n")
	m := d.machine("")
	m.Script = FedoraScript
	b := Next(m)
	require.NoError(t, b.Err)
	assert.Equal(t, "b", b.Default.ID)
	require.NotNil(t, b.Next)

	b = Next(fedora("boot_success=0\nboot_counter=0\n").with(FedoraScript))
	require.NoError(t, b.Err)
	assert.Equal(t, "b", b.Default.ID)
}

func (d disk) with(script string) *Machine {
	m := d.machine("")
	m.Script = script
	return m
}

func TestNoConfig(t *testing.T) {
	m := entries("a").machine("")
	m.Dir = "EFI/none"
	var u *UndeterminedError
	assert.ErrorAs(t, Next(m).Err, &u)
}

func FuzzConfig(f *testing.F) {
	f.Add(header+footer, "saved_entry=b\n")
	f.Add("menuentry \"W\" --id x { chainloader /x }\nblscfg default\nblscfg non-default\n", "next_entry=a\n")
	f.Add("insmod blsuki\nblscfg --path /loader/entries\nuki\nfor i in 1 2 3; do echo $i; done\n", "")
	f.Add("function f { set x=$x$1$*; f \"$@\" $x; }\nf a\n", "")
	f.Fuzz(func(t *testing.T, cfg, env string) {
		if len(env) > 512 {
			return
		}
		d := fedora("")
		d["grub2/grubenv"] = blockHeader + env + "####"
		b := Next(d.machine(cfg))
		if (b.Default == nil) != (b.Err != nil) || (b.Command == nil) != (b.Err != nil) {
			t.Fatalf("default %v command %v error %v", b.Default, b.Command, b.Err)
		}
		if b.Command != nil && isUnknown(b.Command.Cmdline) {
			t.Fatalf("command line %q", b.Command.Cmdline)
		}
	})
}
