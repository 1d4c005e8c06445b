package reboot

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kexec-bls/kexec-bls/entries/host"
)

// A System is what is asked of the init system and of the kernel for a reboot,
// so that a test can replace it. A refusal of a program is a *RefusedError.
type System struct {
	// Init returns the init system that runs.
	Init func() host.Kind
	// Check returns the error of a reboot that systemd would refuse, before
	// anything is loaded for it. What cannot be determined is no error.
	Check func(context.Context, Options) error
	// Kexec asks systemd to shut down into the loaded kernel, and returns once
	// it has accepted. Without a loaded kernel systemctl would load one of its
	// own choice: the caller has to look first. A context that ends does not
	// stop systemctl at once, for the request may be accepted already: the end
	// of a reboot's requester is a part of the reboot.
	Kexec func(context.Context, Options) error
	// Reboot asks systemd for an ordinary reboot, through the firmware. systemctl
	// turns it into a kexec when a kernel is loaded, and others may too: the
	// caller unloads it first; systemctl is told not to, besides.
	Reboot func(context.Context, Options) error
	// SoftReboot asks systemd to restart userspace alone.
	SoftReboot func(context.Context, Options) error
	// NativeKexec is Kexec through an init system other than systemd, as Command
	// returns it. Of Options only the writers count. ErrNoKexec is one that
	// cannot.
	NativeKexec func(context.Context, Options) error
	// NativeReboot is Reboot through another init system. The caller unloads what
	// is loaded first: a script of some would jump there. ErrNoReboot is one that
	// is not known.
	NativeReboot func(context.Context, Options) error
	// Cancel cancels a reboot that was scheduled with Options.When, by anybody.
	// Of Options only the writers and Program count.
	Cancel func(context.Context, Options) error
	// Ending returns the way in which the system is being shut down: "kexec",
	// "reboot", "poweroff", "halt"; "" when it is not. It asks systemd for the
	// target that has been started, so that a service may ask it while it stops.
	Ending func(context.Context) (string, error)
	// Reached returns when a unit became active, by the system's clock; the zero
	// time where it has not been.
	Reached func(ctx context.Context, unit string) (time.Time, error)
	// LoadModule loads a kernel module with modprobe(8), with parameters NAME=VALUE.
	LoadModule func(ctx context.Context, name string, parameters ...string) error
	// UnloadModule unloads a kernel module, delete_module(2). One that is not
	// loaded is no error; one that something uses is EWOULDBLOCK.
	UnloadModule func(name string) error
	// Property reads a number among the properties of systemd's manager, such as
	// KExecWatchdogUSec in microseconds; SetProperty changes it until the reboot.
	Property    func(ctx context.Context, name string) (uint64, error)
	SetProperty func(ctx context.Context, name string, value uint64) error
	// EnableUnit enables a unit for later boots, or disables it. StartUnit starts
	// one and waits until it is active.
	EnableUnit func(ctx context.Context, unit string, on bool) error
	StartUnit  func(ctx context.Context, unit string) error
	// UnitProperty reads a property of a unit, such as UnitFileState; "" where it has
	// none.
	UnitProperty func(ctx context.Context, unit, name string) (string, error)
	// ReloadUnits makes systemd read its unit files again.
	ReloadUnits func(context.Context) error
	// RebootNow reboots through the firmware at once, without a shutdown.
	RebootNow func(context.Context) error
	// RunProgram runs a program that the user names to its end, by systemd-run(1).
	RunProgram func(ctx context.Context, argv []string) error
	// OpenWatchdog opens and starts a watchdog by the path of its device, with a
	// timeout in seconds.
	OpenWatchdog func(path string, timeout int) (Watchdog, error)
	// ExtendPCR extends a PCR of the TPM's bank sha256 by a digest; ResetPCR makes 16
	// or 23 zero in all banks.
	ExtendPCR func(n int, digest [32]byte) error
	ResetPCR  func(n int) error
	// Enroll adds a key to a volume, WipeSlots removes key slots and their tokens.
	Enroll    func(context.Context, Enrolment) error
	WipeSlots func(ctx context.Context, device string, slots []int) error
	// TestKey returns nil for a key that opens a volume, which remains as it is.
	TestKey func(ctx context.Context, device string, key *Secret) error
}

// Running returns the init system and kernel of this machine.
func Running() System {
	m := host.Running()
	return System{
		Init:         m.InitSystem,
		Check:        check,
		Kexec:        func(ctx context.Context, o Options) error { return o.verb(ctx, "kexec") },
		Reboot:       func(ctx context.Context, o Options) error { return o.verb(ctx, "reboot") },
		SoftReboot:   func(ctx context.Context, o Options) error { return o.verb(ctx, "soft-reboot") },
		NativeKexec:  func(ctx context.Context, o Options) error { return nativeKexec(ctx, m, o) },
		NativeReboot: func(ctx context.Context, o Options) error { return nativeReboot(ctx, m.InitSystem(), o) },
		Cancel:       cancel,
		Ending:       ending,
		Reached:      reached,
		LoadModule: func(ctx context.Context, name string, parameters ...string) error {
			return Options{}.run(ctx, "modprobe", append([]string{"--", name}, parameters...)...)
		},
		UnloadModule: unloadModule,
		Property:     getProperty, SetProperty: setProperty, EnableUnit: enableUnit, StartUnit: startUnit, UnitProperty: unitProperty,
		ReloadUnits: func(ctx context.Context) error { return Options{}.run(ctx, "systemctl", "daemon-reload") },
		RebootNow:   rebootNow, RunProgram: runProgram, OpenWatchdog: openWatchdog,
		ExtendPCR: func(n int, digest [32]byte) error {
			return withTPM(func(tpm io.ReadWriter) error { return ExtendPCR(tpm, n, digest) })
		},
		ResetPCR: func(n int) error { return withTPM(func(tpm io.ReadWriter) error { return ResetPCR(tpm, n) }) },
		Enroll:   enroll, WipeSlots: wipeSlots, TestKey: testKey,
	}
}

func unloadModule(name string) error {
	err := os.NewSyscallError("delete_module", unix.DeleteModule(name, unix.O_NONBLOCK))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
