package loader_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/kexec-bls/kexec-bls/entries"
	"github.com/kexec-bls/kexec-bls/entries/efivar"
	"github.com/kexec-bls/kexec-bls/entries/host"
	"github.com/kexec-bls/kexec-bls/loader"
	"github.com/kexec-bls/kexec-bls/loader/kexec"
)

// Example_program loads the next boot entry of the running machine, exports it,
// and unloads it again. It needs root.
func Example_program() {
	program := func(ctx context.Context, dir string) error {
		sys, err := entries.Open(ctx, entries.Options{})
		if err != nil {
			return err
		}
		defer sys.Close()
		for _, e := range sys.Entries() {
			fmt.Println(e.ID, e.Title, e.Hidden)
		}
		choice, err := sys.Default()
		if err != nil {
			return err
		}
		plan, err := loader.NewPlan(ctx, sys, choice.Entry, loader.PlanOptions{Append: []string{"quiet"}})
		if err != nil {
			return err
		}
		defer plan.Close()
		fmt.Println(plan.Kernel().Release, plan.Cmdline())
		for _, m := range plan.Initrd() {
			fmt.Println(m.Name, m.Offset, m.Size, m.Format)
		}
		for _, f := range plan.Findings() {
			fmt.Println(f.ID, f.Severity, f.Text, f.Hint)
		}
		if err = plan.Export(dir); err != nil {
			return err
		}
		receipt, err := loader.Load(ctx, plan, loader.LoadOptions{})
		if err != nil {
			return err
		}
		status, err := loader.Status(ctx, sys)
		if err != nil {
			return err
		}
		fmt.Println(receipt.Entry, status.State == loader.Fresh, status.Reasons, status.Receipt)
		return loader.Unload(ctx)
	}
	_ = program // it is compiled, and not run: it would act on this machine
}

// exampleSystem is a machine with one entry below a directory.
func exampleSystem(dir string) *entries.System {
	for name, text := range map[string]string{
		"esp/vmlinuz": kernelOf("6.12.1 (b@h) #1"), "esp/initrd.img": archive("init"), "proc/cmdline": "root=/dev/vda2\n",
		"esp/loader/entries/arch.conf": "title Arch\nlinux /vmlinuz\ninitrd /initrd.img\noptions root=/dev/vda2\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			log.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			log.Fatal(err)
		}
	}
	h := host.At(dir)
	h.GOARCH = "amd64"
	sys, err := entries.Open(context.Background(), entries.Options{
		ESP: filepath.Join(dir, "esp"), Host: h, Vars: efivar.Vars{Dir: filepath.Join(dir, "vars")}, Getenv: func(string) string { return "" },
	})
	if err != nil {
		log.Fatal(err)
	}
	return sys
}

func ExampleNewPlan() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	sys := exampleSystem(dir)
	defer sys.Close()
	entry, err := sys.Pick("arch")
	if err != nil {
		log.Fatal(err)
	}
	plan, err := loader.NewPlan(context.Background(), sys, entry, loader.PlanOptions{Append: []string{"quiet"}})
	if err != nil {
		log.Fatal(err)
	}
	defer plan.Close()
	fmt.Println(plan.Kernel().Release, plan.Cmdline())
	for _, m := range plan.Initrd() {
		fmt.Println(filepath.Base(m.Name), m.Offset, m.Format)
	}
	for _, c := range plan.Changes() {
		fmt.Println(c.Added, c.Parameter)
	}
	// Output:
	// 6.12.1 root=/dev/vda2 quiet
	// initrd.img 0 cpio
	// true quiet
}

// A load with a system call that only pretends, as tests of other programs do.
func ExampleMachine_Load() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	sys := exampleSystem(dir)
	defer sys.Close()
	there := false
	machine := &loader.Machine{
		Host: sys.Host(), RunDir: filepath.Join(dir, "run"), StateDir: filepath.Join(dir, "state"),
		Kernel: kexec.Calls{
			Load: func(_ context.Context, _, _ *os.File, cmdline string, _ kexec.Options) error {
				fmt.Println("load", cmdline)
				there = true
				return nil
			},
			Loaded: func() (bool, error) { return there, nil },
		},
	}
	choice, err := sys.Default()
	if err != nil {
		log.Fatal(err)
	}
	plan, err := loader.NewPlan(context.Background(), sys, choice.Entry, loader.PlanOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer plan.Close()
	receipt, err := machine.Load(context.Background(), plan, loader.LoadOptions{})
	if err != nil {
		log.Fatal(err)
	}
	status, err := machine.Status(context.Background(), sys, loader.StatusOptions{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(receipt.Entry, status.State)
	// Output:
	// load root=/dev/vda2
	// arch.conf fresh
}
