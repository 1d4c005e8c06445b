package plan

import (
	"errors"
	"fmt"
	"io"

	"github.com/kexec-bls/kexec-bls/bls/uki"
	"github.com/kexec-bls/kexec-bls/loader/initrd"
	"github.com/kexec-bls/kexec-bls/loader/initrd/compress"
)

// maxKernel is the largest kernel that is unpacked, in bytes; half of the
// available memory where that is less.
const maxKernel = 1 << 30

func (o Options) kernelLimit() int64 {
	if o.MemAvailable > 0 {
		return min(o.MemAvailable/2, maxKernel)
	}
	return maxKernel
}

// unwrap replaces a wrapped kernel, a zboot image or a compressed one, by what
// is in it. Headers decide; a kernel whose header is not known is left for
// Inspect.
func (p *Plan) unwrap() error {
	r := fileReader(p.Kernel)
	k, err := uki.OpenKernel(r, r.Size())
	if err != nil || k.Format != uki.FormatZBoot && k.Format != uki.FormatCompressed {
		return nil //nolint:nilerr // left for Inspect
	}
	if p.options.VersionOnly {
		return p.unwrapVersion(r, k)
	}
	f, err := initrd.Create("linux")
	if err != nil {
		return err
	}
	p.made = append(p.made, f)
	if err := p.unpack(f, r, k); err != nil {
		return fmt.Errorf("%s: %s: %w", p.Kernel.Name, k.Format, err)
	}
	name := fmt.Sprintf("%s (unpacked: %s, %s)", p.Kernel.Name, k.Format, k.Compression)
	if p.Kernel, err = initrd.FileMember(name, f); err != nil {
		return err
	}
	return initrd.Seal(f)
}

// unwrapVersion reads a wrapped kernel as far as its version, if it has one.
func (p *Plan) unwrapVersion(r io.ReaderAt, k uki.Kernel) error {
	var w bannerWriter
	if err := p.unpack(&w, r, k); err != nil && !errors.Is(err, errFound) {
		return fmt.Errorf("%s: %s: %w", p.Kernel.Name, k.Format, err)
	}
	p.peeked, p.version = true, w.version
	return nil
}

// unpack writes the payload of a wrapped kernel.
func (p *Plan) unpack(dst io.Writer, r io.ReaderAt, k uki.Kernel) error {
	format, err := payloadFormat(k.Compression)
	if err != nil {
		return err
	}
	payload := io.NewSectionReader(r, k.Payload, k.PayloadSize)
	n, err := compress.Decompress(dst, format, payload, k.PayloadSize, p.options.kernelLimit())
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("%s: nothing in it", format)
	}
	return nil
}

// payloadFormat translates what bls/uki names to what loader/initrd decodes.
func payloadFormat(c uki.Compression) (compress.Format, error) {
	if f := compress.Format(c); f.Compressed() {
		return f, nil
	}
	return "", fmt.Errorf("compression %s is not one that the kernel's build uses", c)
}
