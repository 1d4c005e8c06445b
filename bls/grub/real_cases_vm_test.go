//go:build vm

package grub

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kexec-bls/kexec-bls/fixtures/vm"
)

// A realCase is a disk that asks one question. Its entries are bb-2 and bb-1, in
// this order, beside those of files; its grub.cfg is what 2.14 writes.
type realCase struct {
	env   string // variables of the environment block
	head  string // of grub.cfg
	tail  string
	list  string // in place of blscfg
	files disk
	raw   string // the block in sector 1
	efi   bool
}

const realHead = `if [ -s $prefix/grubenv ]; then
  set have_grubenv=true
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
function savedefault {
  if [ -z "${boot_once}" ]; then
    saved_entry="${chosen}"
    if [ "${env_block}" ] ; then
      save_env -f "${env_block}" saved_entry
    else
      save_env saved_entry
    fi
  fi
}
`

func (c realCase) disk() *realDisk {
	d := &realDisk{files: disk{
		"i1": "initrd one", "i2": "second\n", "k-1": "kernel 1", "k-2": "kernel 2", "k-3": "kernel 3",
		"loader/entries/bb-2.conf": "title Two\nlinux /k-2\ninitrd /i1\noptions two\n",
		"loader/entries/bb-1.conf": "title One\nlinux /k-1\ninitrd /i1\noptions one\n",
		"grub/grubenv":             blockHeader + c.env + strings.Repeat("#", max(0, 1024-len(blockHeader+c.env))),
	}, stub: true, bios: !c.efi, raw: c.raw, once: strings.Contains(c.env+c.raw, "next_entry=")}
	for name, text := range c.files {
		d.files[name] = text
	}
	d.line("search --no-floppy --fs-uuid --set=root %s", realUUID)
	d.line("%s%s\ninsmod blsuki", realHead, c.head)
	if c.list == "" {
		c.list = "blscfg"
	}
	d.line("%s\n%s", c.list, c.tail)
	d.line("set timeout=0")
	return d
}

// entry is a file of a third entry, cc, which comes first.
func realEntry(lines ...string) disk {
	return disk{"loader/entries/cc.conf": "linux /k-3\n" + strings.Join(lines, "\n")}
}

var realCases = map[string]realCase{
	"carriage returns in the block":      {env: "saved_entry=bb-1\r\nkernelopts=x y\r\n", files: realEntry("options a $kernelopts b\n")},
	"carriage returns in the header":     {files: disk{"grub/grubenv": strings.ReplaceAll(blockHeader+"saved_entry=bb-1\n", "\n", "\r\n") + strings.Repeat("#", 900)}},
	"blsdir":                             {env: "blsdir=/alt\nsaved_entry=bb-1\n", files: disk{"alt/m.conf": "title Alt\nlinux /k-3\n"}},
	"default in the block":               {env: "default=bb-1\n", head: "set default=$default"},
	"default after the list":             {env: "saved_entry=bb-2\n", tail: "set default=bb-1"},
	"several variables saved":            {env: "next_entry=bb-1\nsaved_entry=bb-2\nleft=x\n", head: "set added='a b'\nsave_env added gone next_entry left"},
	"no room for one of them":            {files: disk{"grub/grubenv": blockHeader + "next_entry=bb-1\nx=1\n###"}, head: "set x=12345678901\nsave_env x"},
	"a block without padding":            {files: disk{"grub/grubenv": blockHeader + "next_entry=bb-1\nsaved_entry=0\n"}},
	"a block outside of files":           {env: "env_block=1+1\nnext_entry=bb-2\n", raw: "next_entry=bb-1\nsaved_entry=bb-1\nkernelopts=raw\n", files: realEntry("options $kernelopts in a block\n")},
	"one that is none":                   {env: "env_block=1+1\nnext_entry=bb-1\n"},
	"one of zero sectors":                {env: "env_block=1+0\nnext_entry=bb-1\n", raw: "next_entry=bb-1\n"},
	"one after the end":                  {env: "env_block=99999999+1\nnext_entry=bb-1\n"},
	"one that is a file":                 {env: "env_block=/other\nnext_entry=bb-1\n", files: disk{"other": blockHeader + "saved_entry=bb-1\n" + strings.Repeat("#", 99)}},
	"a counter in the name":              {env: "saved_entry=k+3-0\n", files: disk{"loader/entries/k+3-0.conf": "title K\nlinux /k-3\n"}},
	"a counter that is no name":          {env: "saved_entry=k\n", files: disk{"loader/entries/k+3-0.conf": "title K\nlinux /gone\n"}, tail: "set fallback='gone 2 1'"},
	"fallback by id":                     {files: realEntry("linux /no\ninitrd /i1\n"), tail: "rm=x\nset fallback=bb-1"},
	"fallback of a missing kernel":       {files: disk{"loader/entries/cc.conf": "linux /gone\n"}, tail: "set fallback='0 7 bb-1'"},
	"fallback of ids":                    {files: disk{"loader/entries/cc.conf": "linux /gone\n"}, tail: "set fallback='bb-1 1'"},
	"classes and users":                  {files: realEntry("grub_class a b", "grub_users $grub_users", "grub_arg --unrestricted", "grub_hotkey x", "grub_arg --id=bb-1", "id bb-2", "options classes\n"), env: "saved_entry=cc\n"},
	"an id in grub_arg":                  {files: realEntry("grub_arg --id new", "options classes\n"), env: "saved_entry=new\n"},
	"devicetree":                         {files: realEntry("devicetree /dtb", "options d\n")},
	"early_initrd":                       {env: "early_initrd=i2\n", files: realEntry("initrd /i1 $early_initrd", "initrd $early_initrd /i2", "options e\n")},
	"early_initrd with slash":            {env: "early_initrd=/i2\n", files: realEntry("initrd $early_initrd", "initrd /i1", "options e\n")},
	"no initrd left":                     {files: realEntry("initrd $early_initrd", "options e\n")},
	"words in the line of the kernel":    {files: disk{"loader/entries/cc.conf": "linux /k-3 from=linux $x\ninitrd /i1\noptions o\n"}, env: "x=a b\n"},
	"a device in the line of the kernel": {files: disk{"loader/entries/cc.conf": "linux ($root)/k-3\ninitrd ($root)/i1 (hd0,gpt2)/i2\noptions o\n"}},
	"quotes in paths":                    {files: disk{"loader/entries/cc.conf": "linux '/k 3'\ninitrd \"/i1\" /i\\2\noptions o\n", "k 3": "kernel 33"}},
	"a path without slash":               {files: disk{"loader/entries/cc.conf": "linux k-3\noptions o\n"}, tail: "set fallback=2"},
	"title is the kernel":                {env: "saved_entry=/k-3\n", files: disk{"loader/entries/aa.conf": "linux /k-3\noptions t\n"}},
	"a title with blanks after it":       {env: "saved_entry=Blank\n", files: disk{"loader/entries/aa.conf": "title Blank \nlinux /k-3\n"}},
	"a title with all its blanks":        {env: "saved_entry=Blank  x \n", files: disk{"loader/entries/aa.conf": "title Blank  x \nlinux /k-3\n"}},
	"an id with a blank":                 {env: "saved_entry=a b\n", files: disk{"loader/entries/a b.conf": "linux /k-3\n"}},
	"an id with a quote and dollar":      {env: "saved_entry=a'$b\"\n", files: disk{"loader/entries/a'$b\".conf": "linux /k-3\n"}},
	"an id in other letters":             {env: "saved_entry=ä-é\n", files: disk{"loader/entries/ä-é.conf": "title Ä\nlinux /k-3\noptions Ö ✓\n"}},
	"the id of another directory":        {env: "saved_entry=m\n", list: "blscfg --path /alt\nblscfg", files: disk{"alt/m.conf": "linux /k-3\n"}},
	"no line end":                        {files: realEntry("options the last")},
	"carriage returns in an entry":       {files: realEntry("title X\r", "options a\rb c\r", "initrd /i1\r\n")},
	"a NUL in an entry":                  {files: realEntry("options a\x00b", "initrd /i1\n")},
	"a NUL at the end of a line":         {files: realEntry("options a b\x00", "\x00", "initrd /i1\n")},
	"a backslash at the end":             {files: realEntry(`options a \`, "initrd /i1\n")},
	"two backslashes":                    {files: realEntry(`options a\\ b c\$x "\$x" '\$x' \n "\n"`, "initrd /i1\n"), env: "x=y\n"},
	"variables in variables":             {env: "a=1 $b 2\nb=B\nc=\"q r\" 's t'\nd=x;y\n", files: realEntry(`options $a - "$c" - $c - ${c}`, "")},
	"a semicolon in a variable":          {env: "d=x;y\n", files: realEntry("options a $d b\n")},
	"a comment in a variable":            {env: "d=#x\n", files: realEntry("options a $d b\n")},
	"braces":                             {files: realEntry("options a{b} {c} {d }\n"), tail: "set fallback=1"},
	"a brace alone":                      {files: realEntry("options a } b\n"), tail: "set fallback=1"},
	"operators":                          {files: realEntry("options a && b\n"), tail: "set fallback=1"},
	"an ampersand in a word":             {files: realEntry("options url=http://x/?a=1&b=2 c\n"), tail: "set fallback=1"},
	"less than":                          {files: realEntry("options a<b\n"), tail: "set fallback=1"},
	"reserved words":                     {files: realEntry("options if then fi for in do done ! time [[ a ]]\n")},
	"a question mark":                    {files: realEntry("options /k-? x? ?\n")},
	"dollar alone":                       {files: realEntry("options a$ b $\n"), tail: "set fallback=1"},
	"dollar and digit":                   {files: realEntry("options a$1 $2b $# c $? $@ d $*\n"), tail: "set fallback=1"},
	"tabs":                               {files: realEntry("options\t\ta\t b\tc\n")},
	"a key twice":                        {files: realEntry("linux /k-1", "options", "options x\n")},
	"a key in capitals":                  {files: realEntry("Options x", "LINUX /k-1", "options y\n")},
	"a byte order mark":                  {files: disk{"loader/entries/cc.conf": "\ufefftitle X\nlinux /k-3\n"}},
	"a long line":                        {files: realEntry("options " + strings.Repeat("abcdefghi ", 190) + "end\n")},
	"a function with arguments":          {tail: "function f {\n  if [ $# = 2 ]; then\n    set default=$2\n  fi\n  return 1\n  set default=0\n}\nf x bb-1\nif [ $? = 1 ]; then set fallback=0; fi"},
	"loops":                              {tail: "for x in a 'b c' d; do\n  set y=\"$y-$x\"\n  if [ $x = d ]; then break; fi\ndone\nif [ \"$y\" = '-a-b c-d' ]; then set default=1; fi\nwhile [ \"$z\" != xxx ]; do set z=x$z; done\nuntil [ \"$z\" = xxxx ]; do\n set z=x$z\ndone\nset w=$z"},
	"continued lines":                    {tail: "set default=\\\n1 # comment\n# set default=0 \\\nset x=0\nif [ -n \"$x\" -a \\\n -z \"$none\" ]\nthen\n\n# a comment\ntrue; else\nset default=0; fi"},
	"files are tested":                   {efi: true, tail: "if [ -f /k-1 -a -d /loader -a -s /i1 -a ! -e /none -a -e (hd0,gpt1)/efi/DEBIAN ]; then set default=1; fi\nif test -f /K-1; then set default=0; fi"},
	"a bracket is missing":               {tail: "if [ a = a; then set default=1; fi"},
	"files without slashes":              {tail: "if [ -d (hd0,gpt2) -a -f k-1 -a -e /loader/ -a ! -f /loader/ -a -f /k-1/ -a -d loader ]; then set default=1; fi"},
	"a slash after a file":               {files: disk{"loader/entries/cc.conf": "linux /k-3\ninitrd /i1/\noptions o\n"}, tail: "set fallback=1"},
	"numbers are tested":                 {tail: "if [ 010 -eq 8 -a 0x10 -eq 16 -a abc12 -pgt abc9 -a 2x -lt 10 -a -1 -lt 0 ]; then set default=1; fi"},
	"numbers after a prefix":             {tail: "if [ linux-6.18 -pgt linux-6.2 -a 6.9 -plt 6.10 -a ! abc12 -pgt 9 -a ! a9 -plt b10 -a ! 10 -pgt 1 ]; then set default=1; fi"},
	"texts are tested":                   {tail: "if [ a '<' b ]; then if [ ! a ] || true; then set default=0; fi; fi\nif [ a != b -a ! ( x = y ) ]; then set default=1; fi"},
	"a menu entry before the list":       {head: "menuentry first --id first { linux /k-other }", env: "saved_entry=1\n"},
	"a submenu":                          {list: "submenu sub --id sub {\n  blscfg\n}\nblscfg", env: "saved_entry=sub>bb-1\n"},
	"an entry of the submenu as default": {list: "submenu sub --id sub { blscfg\n }\nblscfg", env: "saved_entry=bb-1\n"},
	"source":                             {files: disk{"grub/custom.cfg": "set default=1\nreturn\nset default=0\n"}, tail: "if [ -f ${config_directory}/custom.cfg ]; then\n  source ${config_directory}/custom.cfg\nelif [ -z \"${config_directory}\" -a -f $prefix/custom.cfg ]; then\n  source $prefix/custom.cfg\nfi"},
	"an error of syntax at the end":      {tail: "set timeout=0\nset default=1\nif ["},
	"unset and export":                   {env: "saved_entry=bb-1\nkernelopts=k\n", head: "unset kernelopts\nset a=b\nexport a", files: realEntry("options x$kernelopts y $a z\n"), tail: "unset default"},
	"the last entry of many":             {env: "saved_entry=2\n", files: disk{"loader/entries/a.conf": "linux /k-3\n", "loader/entries/z.conf": "title no kernel\n", "loader/entries/zz.conf": "linux /gone\n"}},
	"an entry that is a folder":          {env: "saved_entry=1\n", files: disk{"loader/entries/zz.conf/x": "x", "loader/entries/y.conf": "-> nowhere"}},
	"savedefault":                        {env: "next_entry=bb-1\n", head: "set blsuki_save_default=1"},
	"savedefault of a block":             {env: "env_block=1+1\n", raw: "next_entry=bb-1\nsaved_entry=bb-2\n", head: "set blsuki_save_default=true"},
	"prev_saved_entry":                   {env: "next_entry=bb-1\nprev_saved_entry=bb-1\nsaved_entry=bb-2\n", head: "if [ \"${prev_saved_entry}\" ]; then\n  set saved_entry=\"${prev_saved_entry}\"\n  save_env saved_entry\n  set prev_saved_entry=\n  save_env prev_saved_entry\n  set boot_once=true\nfi"},
	"hidden menus":                       {env: "boot_success=1\nboot_indeterminate=0\nmenu_auto_hide=1\nnext_entry=bb-1\n", tail: "if [ \"${boot_success}\" = \"1\" -o \"${boot_indeterminate}\" = \"1\" ]; then\n  set menu_hide_ok=1\nelse\n  set menu_hide_ok=0\nfi\nif [ \"${boot_success}\" = \"1\" ] ; then\n  set boot_indeterminate=0\nelif [ \"${boot_indeterminate}\" = \"1\" ]; then\n  set boot_indeterminate=2\nfi\nset boot_success=0\nsave_env boot_success boot_indeterminate\nif [ x$feature_timeout_style = xy ] ; then\n  if [ \"${menu_show_once}\" ]; then\n    unset menu_show_once\n    save_env menu_show_once\n  elif [ \"${menu_auto_hide}\" -a \"${menu_hide_ok}\" = \"1\" ]; then\n    set orig_timeout_style=${timeout_style}\n  fi\nfi"},
}

// TestLongRealCases asks GRUB 2.14 one question with each disk; CASES is a regular
// expression of their names.
func TestLongRealCases(t *testing.T) {
	g := vm.FindGRUB(t)
	wanted := regexp.MustCompile(os.Getenv("CASES"))
	for _, name := range sortedCases() {
		if wanted.MatchString(name) {
			t.Run(name, func(t *testing.T) { realCases[name].disk().compare(t, g) })
		}
	}
}

func sortedCases() []string {
	var names []string
	for name := range realCases {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// TestLongRealOrder: where no kernel is there, fallback goes through the menu, and
// GRUB tells of each.
func TestLongRealOrder(t *testing.T) {
	names := strings.Fields(`A-1 a-1 a.1 a~1 a+1 a_1 a^1 1a 10a 9a .a a-10 a-9 é a a-1.0 a-1.0~rc1 a-1.0+ a-1-1 a-1-10 a-1-9 aa-6.18.0 aa-6.18.0-1 aa-6.18.0~1 x.y z.conf z z,1 z=1 z@1 a--1 -a _a 0 a-1.el10 a-1.fc9 a-1.0.x86_64`)
	c := realCase{files: disk{"loader/entries/bb-1.conf": "title x\n", "loader/entries/bb-2.conf": "title x\n"}, tail: "menuentry last --id last { linux /k-other }\nset default=0\nset fallback='"}
	for i, name := range names {
		c.files["loader/entries/"+name+".conf"] = fmt.Sprintf("linux /no-%d\n", i)
		c.tail += fmt.Sprintf("%d ", i+1)
	}
	c.tail += "'"
	m, image := c.disk().lay(t, vm.FindGRUB(t))
	var want, got []string
	for _, item := range Next(m).Menu[:len(names)] {
		want = append(want, item.ID)
	}
	reports, console := vm.Reports(t, vm.Config{Disks: []string{image}}, 1) // BIOS
	require.Len(t, reports, 1, console)
	for _, m := range regexp.MustCompile(`/no-(\d+)`).FindAllStringSubmatch(console, -1) {
		n, ok := atoi(m[1])
		require.True(t, ok)
		if !slices.Contains(got, names[n]) { // it is named again where it is not found
			got = append(got, names[n])
		}
	}
	assert.Equal(t, want, got, console)
}
