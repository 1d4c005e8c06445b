package loader

import (
	"context"
	"fmt"

	"github.com/kexec-bls/kexec-bls/loader/initrd"
	"github.com/kexec-bls/kexec-bls/loader/reboot"
	"github.com/kexec-bls/kexec-bls/loader/tpm"
)

// handOver puts a key of the volumes into an archive after the initrds of the plan,
// where systemd-cryptsetup looks for it. It is in memory alone, and the next system
// drops it with its initrd.
func (u *unlocker) handOver(ctx context.Context) error {
	if len(u.locked) == 0 {
		return nil
	}
	key, err := u.key(ctx)
	if err != nil {
		return err
	}
	u.plan.key = key // closed with the plan
	for _, v := range u.locked {
		if err := u.m.Init.TestKey(ctx, v.Device(), key); err != nil {
			return fmt.Errorf("%s: %w", v.Name, err)
		}
	}
	m, err := keyArchive(u.locked, key)
	if err != nil {
		return err
	}
	u.plan.files.Initrd = append(u.plan.files.Initrd, m)
	return u.plan.lookInside(ctx) // the load refuses what the kernel would lose
}

// key is that of the file, or a passphrase that is asked for.
func (u *unlocker) key(ctx context.Context) (*reboot.Secret, error) {
	if u.opt.KeyFile == "" {
		err := u.ask(ctx)
		return u.passphrase, err
	}
	f, err := openFile(u.opt.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", u.opt.KeyFile, err)
	}
	defer f.Close()
	key, err := reboot.ReadSecret(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", u.opt.KeyFile, err)
	}
	return key, nil
}

// keyArchive packs a key once for each volume.
func keyArchive(volumes []tpm.Volume, key *reboot.Secret) (initrd.Member, error) {
	content, err := initrd.FileMember("key", key.File())
	if err != nil {
		return initrd.Member{}, err
	}
	nodes := []initrd.Node{{Path: tpm.KeyDir, Dir: true, Mode: 0o700}}
	for _, v := range volumes {
		nodes = append(nodes, initrd.Node{Path: v.KeyPath(), Mode: 0o400, Content: content.Parts[0]})
	}
	m, err := initrd.Archive("keys for this kexec", 1, nodes)
	m.Secret = true
	return m, err
}

// lookInside decodes the initrds for what they open volumes with.
func (p *Plan) lookInside(ctx context.Context) error {
	p.inside, p.joined, p.next = true, nil, tpm.Initrd{}
	return p.walk(ctx)
}
