//go:build linux && e2e

package desk

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Screenshot writes what the screen shows to a PNG file, whose folder is made.
func (d *Desktop) Screenshot(ctx context.Context, file string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, inputLimit)
	defer cancel()
	_, err := d.output(ctx, "import", "-window", "root", file)
	return err
}

// A Screen is a look at the pixels of the X server, in memory that is shared
// with it. Looking costs neither the server nor its clients anything, so it can
// time what they do.
type Screen struct {
	memory []byte
	pixels []byte // four bytes each, row after row
	stride int    // bytes of a row
}

// xwdFields are the 32-bit fields of the header of an X window dump that are
// needed, by their index (X11/XWDFile.h).
const (
	xwdHeaderSize   = 0
	xwdHeight       = 5
	xwdBitsPerPixel = 11
	xwdBytesPerLine = 12
	xwdColors       = 19
	xwdColorSize    = 12 // bytes of one entry of the colour table
)

// Screen maps the pixels of the screen. Close unmaps them.
func (d *Desktop) Screen() (*Screen, error) {
	file, err := os.Open(d.screen)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	memory, err := syscall.Mmap(int(file.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping %s: %w", d.screen, err)
	}
	field := func(i int) int { return int(binary.BigEndian.Uint32(memory[4*i:])) }
	start := field(xwdHeaderSize) + field(xwdColors)*xwdColorSize
	size := field(xwdHeight) * field(xwdBytesPerLine)
	if field(xwdBitsPerPixel) != 32 || start+size > len(memory) {
		return nil, fmt.Errorf("%s has no pixels of 32 bits", d.screen)
	}
	return &Screen{memory: memory, pixels: memory[start : start+size], stride: field(xwdBytesPerLine)}, nil
}

// Close unmaps the screen. It must not be used afterwards.
func (s *Screen) Close() error { return syscall.Munmap(s.memory) }

// Copy is the screen as it is now.
func (s *Screen) Copy() []byte { return bytes.Clone(s.pixels) }

// paintedColors is how many colours that were not there before make a picture.
// A window that is mapped and not yet painted adds one; text with smooth edges
// adds dozens.
const paintedColors = 12

// Painted tells whether something was painted since the copy was made: whether
// the pixels that differ show at least a dozen colours.
func (s *Screen) Painted(before []byte) bool {
	var colors [paintedColors]uint32
	n := 0
	for row := 0; row < len(s.pixels); row += s.stride {
		now, then := s.pixels[row:row+s.stride], before[row:row+s.stride]
		if bytes.Equal(now, then) {
			continue
		}
	pixel:
		for i := 0; i+4 <= len(now); i += 4 {
			color := binary.NativeEndian.Uint32(now[i:])
			if color == binary.NativeEndian.Uint32(then[i:]) {
				continue
			}
			for _, known := range colors[:n] {
				if color == known {
					continue pixel
				}
			}
			colors[n] = color
			if n++; n == paintedColors {
				return true
			}
		}
	}
	return false
}

// paintPoll is how often the screen is looked at for the first picture.
const paintPoll = time.Millisecond

// WaitPainted waits until something was painted since the copy was made, for
// at most the limit, and returns when that was seen, to about a millisecond.
func (s *Screen) WaitPainted(ctx context.Context, limit time.Duration, before []byte) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(paintPoll)
	defer tick.Stop()
	for !s.Painted(before) {
		select {
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("waiting for a picture on the screen: %w", context.Cause(ctx))
		case <-tick.C:
		}
	}
	return time.Now(), nil
}

// How often Pictures looks, how far apart two pictures are at the least, which is
// longer than the X server takes to put one on the screen, and of how many rows
// one is compared, which is less than a letter is high.
const (
	pictureLook  = 4 * time.Millisecond
	pictureApart = 12 * time.Millisecond
	pictureRows  = 4
)

// Pictures counts for a while how often the screen shows something new.
func (s *Screen) Pictures(ctx context.Context, d time.Duration) (count int, err error) {
	last := s.Copy()
	var changed time.Time
	tick := time.NewTicker(pictureLook)
	defer tick.Stop()
	for end := time.Now().Add(d); ; {
		var now time.Time
		select {
		case <-ctx.Done():
			return count, context.Cause(ctx)
		case now = <-tick.C:
		}
		if now.After(end) {
			return count, nil
		}
		if !s.changed(last) {
			continue
		}
		// What follows at once is the rest of the same picture.
		if now.Sub(changed) >= pictureApart {
			count++
			changed = now
		}
	}
}

// changed brings a copy up to date in some of its rows, and reports whether they
// were any different.
func (s *Screen) changed(last []byte) (changed bool) {
	for row := 0; row < len(s.pixels); row += pictureRows * s.stride {
		now, then := s.pixels[row:row+s.stride], last[row:row+s.stride]
		if !bytes.Equal(now, then) {
			changed = true
			copy(then, now)
		}
	}
	return changed
}

// Shows tells whether the screen is exactly as in the copy.
func (s *Screen) Shows(copy []byte) bool { return bytes.Equal(s.pixels, copy) }

// How long a screen that is steady does not change, and how long one that
// never is, such as one with a cursor that blinks, is waited for.
const (
	steady     = 150 * time.Millisecond
	steadyWait = 2 * time.Second
)

// Settle waits until the screen does not change any more, or seems never to
// stop. A program knows what it will paint a little before it has painted it.
func (s *Screen) Settle(ctx context.Context) error {
	last := s.Copy()
	until := time.Now().Add(steadyWait)
	for time.Now().Before(until) {
		select {
		case <-time.After(steady):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if s.Shows(last) {
			return nil
		}
		last = s.Copy()
	}
	return nil
}
