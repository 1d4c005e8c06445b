//go:build vm

package grub

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

func (d *realDisk) one(list ...string) string { return list[d.IntN(len(list))] }

func (d *realDisk) chance(percent int) bool { return d.IntN(100) < percent }

func (d *realDisk) line(format string, args ...any) { fmt.Fprintf(&d.cfg, format+"\n", args...) }

func newRealDisk(seed uint64) *realDisk {
	d := &realDisk{Rand: rand.New(rand.NewPCG(seed, 16)), files: disk{"e1": "E1", "i1": "initrd one", "i2": "second\n", "mark-" + strconv.FormatUint(seed, 10): ""}}
	d.stub = d.chance(70)
	ids := d.entries()
	d.grubenv(ids)
	d.root("mark-" + strconv.FormatUint(seed, 10))
	d.head(ids)
	d.listing()
	if d.chance(60) {
		d.line("menuentry 'Other System' --class x --id other $menuentry_id_option x {\n  linux /k-other by menuentry\n}")
	}
	if d.chance(10) {
		d.line("set default=%s", d.one("other", "1", ids[0], "'"+ids[len(ids)-1]+"'"))
	}
	d.line("set timeout=0")
	return d
}

// entries makes entry files and returns their ids.
func (d *realDisk) entries() []string {
	names := []string{
		"linux-6.1", "linux-6.10", "linux-6.2", "arch", "arch-lts", "6a980c1d-6.18.0-1", "6a980c1d-6.9.0-200", "b2-6.12.3+deb13-amd64", "b2-6.12.3-amd64",
		"2b9-6.18", "0b1f-0-rescue", "ostree-2-fedora", "ostree-1-fedora", "zz~rc1", "zz", "zz.conf", ".dot", "Debian GNU", "x_1", "x-1", "x.1", "k+3-0",
	}
	d.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	names = names[:2+d.IntN(6)]
	dir := "loader/entries/"
	if d.chance(25) {
		d.files["loader"] = "-> loader.1"
		dir = "loader.1/entries/"
	}
	for i, id := range names {
		kernel := fmt.Sprintf("/k-%d", i)
		text := d.one("title T %d\n", "title  Two blanks %d\n", "title\tTab %d\n", "# comment %d\n", "title A>B %d\n", "title Same\nversion %d\n")
		text = fmt.Sprintf(text, i) + d.one("linux ", "linux\t", "  linux ", "architecture x64\nlinux ", "version 6\nlinux ")
		text += kernel + "\n" + d.initrds() + d.options() + d.one("", "", "machine-id 0\n", "devicetree-overlay /none\n", "grub_users $grub_users\ngrub_arg --unrestricted\n")
		if d.chance(8) {
			text = strings.Replace(text, "\n", "\n\n", 1+d.IntN(3))
		}
		d.files[dir+id+".conf"] = text
		d.files[kernel[1:]] = fmt.Sprintf("kernel %d", i)
	}
	if d.chance(20) {
		d.files[dir+"link.conf"] = "-> " + names[0] + ".conf"
		names = append(names, "link")
	}
	return names
}

func (d *realDisk) initrds() string {
	return d.one("initrd /i1\n", "initrd /i1\ninitrd /i2\n", "initrd /i1 /i2\n", "initrd /i1 $tuned_initrd\n", "initrd /i1\ninitrd /i2 /i1\n", "", "initrd /..//i2\n", "initrd /gone\n", "initrd /i1 $early\n")
}

func (d *realDisk) options() string {
	var parts []string
	for range d.IntN(4) {
		parts = append(parts, d.one("root=UUID=1 ro", "quiet  splash", `dyndbg="file x +p"`, `'single q'`, `a\ b`, "$kernelopts", "$tuned_params", "x=$unset y", "${kernelopts}", `p="$kernelopts"`,
			"console=ttyS0,115200n8", "t\tab", "$kernelopts$tuned_params", `b\x20c`, "$root", "q='$kernelopts'", "é", "w", "3", `"un closed`, "a;b", "v=1#2", "u #c", `e\"f`, "m=*", "n=/k-*", "[x]", "!x", "%d", "~", "a=b=c", "(hd0,gpt2)/x", "--"))
	}
	return d.one("options ", "options ", "options\t") + strings.Join(parts, " ") + "\n" + d.one("", "", "options second=1\n")
}

func (d *realDisk) grubenv(ids []string) {
	if d.chance(12) {
		return
	}
	var b strings.Builder
	set := func(percent int, name string, values ...string) bool {
		if !d.chance(percent) {
			return false
		}
		fmt.Fprintf(&b, "%s=%s\n", name, d.one(values...))
		return true
	}
	refs := append([]string{"0", "1", "2", "01", "0x1", "gone", "other", "1>0", "-1", "T 1", "Two blanks 0", "Same", "A>B 1", "A>>B 1", ids[0] + ".conf", ids[0] + ">x", "99"}, ids...)
	refs = append(refs, ids...)
	set(70, "saved_entry", refs...)
	d.once = set(30, "next_entry", refs...)
	set(10, "prev_saved_entry", refs...)
	set(50, "kernelopts", "root=UUID=2 rw", "o=$unset p", "", `g="a b"`, "x")
	set(40, "tuned_params", "skew_tick=1 isolcpus=1", "", "z")
	set(30, "tuned_initrd", "/i2", "/gone", "")
	set(10, "default", refs...)
	set(15, "fallback", "0", "1", "1 0", "gone 0", ids[0], ids[len(ids)-1])
	set(10, "root", "hd0,gpt9")
	if d.chance(8) {
		b.WriteString("junk\n")
	}
	set(20, "boot_success", "0", "1")
	text := blockHeader + b.String()
	size := []int{len(text), 1024, 1024, 1024, 1025, 2048, 4096}[d.IntN(7)]
	d.files["grub/grubenv"] = text + strings.Repeat("#", max(0, size-len(text)))
	if d.chance(5) {
		d.files["grub/grubenv"] = strings.ToUpper(d.files["grub/grubenv"])
	}
}

// root writes how grub.cfg finds the file system.
func (d *realDisk) root(mark string) {
	d.line("%s", d.one(
		"search --no-floppy --fs-uuid --set=root "+realUUID, "search --fs-uuid --set "+realUUID, "search --set root --fs-uuid "+strings.ToUpper(realUUID),
		"search -s root -u "+realUUID, "search -un --set=root "+realUUID, "search --label --set=root REALBOOT", "search --label REALBOOT --set",
		"search --set=root --file /"+mark, "search --no-floppy --set=root --hint-bios=hd0,gpt2 --hint-efi hd0,gpt2 --hint='hd0,gpt2' --fs-uuid "+realUUID,
		"search --hint hd0,gpt1 --set=root --label REALBOOT", "search.fs_uuid "+realUUID+" root hd0,gpt2", "search.fs_label REALBOOT root", "search.file /"+mark+" root",
		"set root='hd0,gpt2'", "set root=(hd0,gpt2)", "root=hd0,2", "search --fs-uuid --set=x "+realUUID+"\nset root=$x", "set root='hd0,gpt1'\nsearch --label --fs-uuid --set=root REALBOOT",
		"search --no-floppy --fs-uuid --set=root 00000000-0000-4000-8000-000000000000\nsearch --no-floppy --fs-uuid --set=root "+realUUID,
	))
}

func (d *realDisk) head(ids []string) {
	if d.chance(85) {
		d.line("if [ -s $prefix/grubenv ]; then\n  load_env\nfi")
	} else {
		d.line("%s", d.one("load_env saved_entry kernelopts", "load_env --file $prefix/grubenv", "load_env -f ${config_directory}/grubenv", "true"))
	}
	d.line("if [ \"${next_entry}\" ] ; then\n  set default=\"${next_entry}\"\n  set next_entry=\n  save_env next_entry\n  set boot_once=true\nelse\n  set default=\"%s\"\nfi",
		d.one("${saved_entry}", "${saved_entry}", "${saved_entry}", "${saved_entry}", "0", "1", "T 0", ids[0], "${default}"))
	d.line("if [ \"${prev_saved_entry}\" ]; then\n  set saved_entry=\"${prev_saved_entry}\"\n  save_env saved_entry\n  set prev_saved_entry=\n  save_env prev_saved_entry\nfi")
	d.line("function savedefault {\n  if [ -z \"${boot_once}\" ]; then\n    saved_entry=\"${chosen}\"\n    save_env saved_entry\n  fi\n}")
	if d.chance(15) {
		d.line("set blsuki_save_default=%s", d.one("1", "true", "no"))
	}
	if d.chance(20) {
		d.line("set %s", d.one("kernelopts=from=cfg", "tuned_params='a b'", "fallback=1", "early=/i2", "menuentry_id_option=--id"))
	}
}

func (d *realDisk) listing() {
	d.line("insmod blsuki")
	if d.chance(15) {
		d.files["alt/m.conf"], d.files["k-m"] = "title Alt\nlinux /k-m\n", "kernel m"
	}
	d.line("%s", d.one(
		"blscfg", "blscfg", "blscfg", "blscfg", "blscfg --path /loader/entries", "blscfg --path ($root)/loader/entries", "blscfg -p /alt -f", "blscfg --path=/alt --enable-fallback",
		"blscfg --show-default\nblscfg --show-non-default", "blscfg --show-default", "blscfg --show-non-default", "blscfg -d -n", "blscfg --entry arch.conf\nblscfg", "set blsdir=/alt\nblscfg", "blscfg\nblscfg",
	))
}
