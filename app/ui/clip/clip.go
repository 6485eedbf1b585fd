// Package clip reads a picture from the clipboard, which Fyne's clipboard, being
// one of text, cannot.
//
// It runs the program of the desktop that can (wl-paste or xclip on Linux,
// osascript on macOS, PowerShell on Windows), so it takes a moment and must not
// be called on the goroutine of the window.
//
//	picture, err := clip.Picture(ctx)
package clip

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"time"

	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/store"
)

// The bounds of reading.
const (
	maxPicture = 16 << 20 // bytes
	readTime   = 10 * time.Second
)

// Picture returns the picture in the clipboard as a PNG, or nil if there is none.
// The error says what is missing, in a sentence; it wraps store.ErrNotFound where
// no program of the desktop can read the clipboard, and store.ErrInvalid for a
// picture of more than 16 MiB.
func Picture(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	name, args, decode := reader(runtime.GOOS, os.Getenv("WAYLAND_DISPLAY") != "")
	out, err := run(ctx, name, args)
	if err != nil || len(out) == 0 {
		return nil, err
	}
	out, err = decode(out)
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(out, []byte("\x89PNG\r\n\x1a\n")) {
		return nil, nil
	}
	return out, nil
}

// reader returns the program that writes the picture out, and what makes a PNG of
// that.
func reader(system string, wayland bool) (name string, args []string, decode func([]byte) ([]byte, error)) {
	plain := func(b []byte) ([]byte, error) { return b, nil }
	switch {
	case system == "darwin":
		return "osascript", []string{"-e", "get the clipboard as «class PNGf»"}, fromAppleScript
	case system == "windows":
		return "powershell", []string{"-NoProfile", "-STA", "-Command", `Add-Type -AssemblyName System.Windows.Forms; $i = [System.Windows.Forms.Clipboard]::GetImage(); if ($i) { $m = New-Object System.IO.MemoryStream; $i.Save($m, [System.Drawing.Imaging.ImageFormat]::Png); [Convert]::ToBase64String($m.ToArray()) }`}, fromBase64
	case wayland:
		return "wl-paste", []string{"--no-newline", "--type", "image/png"}, plain
	}
	return "xclip", []string{"-selection", "clipboard", "-target", "image/png", "-out"}, plain
}

// run returns what a program writes; nothing where it fails, which is how these
// say that there is no picture.
func run(ctx context.Context, name string, args []string) ([]byte, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return nil, fmt.Errorf(say.T("a picture in the clipboard is read by the program %s, which is not installed; install it, or drop the picture as a file on the window (%w)"), name, store.ErrNotFound)
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.WaitDelay = time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf(say.T("read the clipboard: %w"), err)
	}
	text, readErr := io.ReadAll(io.LimitReader(out, 2*maxPicture+1))
	large := len(text) > 2*maxPicture
	if large {
		_ = cmd.Process.Kill() // it may write on and on
	}
	err = cmd.Wait()
	var ended *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case large:
		return nil, tooLarge()
	case errors.As(err, &ended):
		return nil, nil
	}
	return text, errors.Join(readErr, err)
}

func tooLarge() error {
	return fmt.Errorf(say.T("the picture in the clipboard is larger than %d MiB; make it smaller (%w)"), maxPicture>>20, store.ErrInvalid)
}

// fromAppleScript reads «data PNGf89504E47…».
func fromAppleScript(b []byte) ([]byte, error) {
	_, b, ok := bytes.Cut(b, []byte("PNGf"))
	if !ok {
		return nil, nil
	}
	b, _, _ = bytes.Cut(b, []byte("»"))
	return hex.DecodeString(string(bytes.TrimSpace(b)))
}

func fromBase64(b []byte) ([]byte, error) {
	return base64.StdEncoding.DecodeString(string(bytes.TrimSpace(b)))
}
