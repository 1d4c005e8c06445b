package main

import (
	"strings"

	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/kexec"
)

// requestOf is the request of a receipt of version 1, which has the flags of the
// load: "--append=quiet".
func requestOf(r loader.Receipt) *loader.Request {
	out := &loader.Request{Entry: r.Entry}
	for _, arg := range r.Args {
		name, value, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		text := loader.Text(value)
		switch name {
		case "esp-path":
			out.ESP = text
		case "boot-path":
			out.Boot = text
		case "config":
			out.Config = text
		case "append":
			out.Append = append(out.Append, text)
		case "remove":
			out.Remove = append(out.Remove, text)
		case "command-line":
			out.Replace = &text
		case "reuse-cmdline":
			out.Reuse = value == "true"
		case "early-first":
			out.EarlyFirst = value == "true"
		case "flat":
			out.Flat = value == "true"
		case "verify":
			out.Verify = value == "true"
		case "syscall":
			out.Syscall = value
		case "ignore":
			out.Ignore = append(out.Ignore, ids(strings.Split(value, ","))...)
		}
	}
	return out
}

// planFlagsOf are the flags that made a request.
func planFlagsOf(r *loader.Request) planFlags {
	p := planFlags{
		reuse: r.Reuse, earlyFirst: r.EarlyFirst, flat: r.Flat, verify: r.Verify, noVerify: r.NoVerify, verifyFast: true,
		syscall: kexec.Syscall(r.Syscall),
	}
	for _, s := range r.Append {
		p.add = append(p.add, string(s))
	}
	for _, s := range r.Remove {
		p.remove = append(p.remove, string(s))
	}
	for _, id := range r.Ignore {
		p.ignore = append(p.ignore, string(id))
	}
	if r.Replace != nil {
		p.replace, p.replaced = string(*r.Replace), true
	}
	return p
}
