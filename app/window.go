//go:build !nowindow

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/autostart"
	"github.com/drawbridge-app/drawbridge/app/control"
	askui "github.com/drawbridge-app/drawbridge/app/ui/ask"
	"github.com/drawbridge-app/drawbridge/app/ui/chat"
	"github.com/drawbridge-app/drawbridge/app/ui/clip"
	"github.com/drawbridge-app/drawbridge/app/ui/shell"
	"github.com/drawbridge-app/drawbridge/bridge"
)

// commandWait is how long a window waits for a command that owns the home.
const commandWait = 30 * time.Second

// runWindow opens the window, or brings the one that is open to the front.
func runWindow(ctx context.Context, session *control.Session) int {
	h, err := openHome()
	if err != nil {
		return fail(session.Stderr, err)
	}
	owner, code, err := ownWindow(ctx, h, session)
	if err != nil {
		return fail(session.Stderr, err)
	}
	if owner == nil {
		return code
	}
	defer owner.Close()
	defer trimAfterStart(h.logger).Stop()
	e := newEngine(h, startAll)
	defer e.close(session.Stderr)
	program, err := os.Executable()
	if err != nil {
		h.logger.Warn("apps that start programs cannot be connected, since it is not known where this one is", "error", err)
	}
	var b *bridge.Bridge
	var login shell.Autostart
	if program != "" {
		login = autostart.New(autostart.Options{ID: shell.AppID, Name: "Drawbridge", Program: program, Args: []string{inTray}})
	}
	window, err := shell.New(shell.Options{
		Open: func() (_ shell.Engine, err error) {
			if b, err = e.open(ctx); err == nil && b.Settings().Gateway.Enabled {
				go func() {
					// What is wrong is in its state, which its page shows.
					if _, err := b.OpenGateway(ctx, 0); err != nil {
						h.logger.Warn("the gateway did not open", "error", err)
					}
				}()
			}
			return b, err
		},
		Chat: func(host shell.Host) shell.ChatPage {
			desk := askui.New(askui.Options{
				Window: host.Window, Do: host.Runner.Do, OpenURL: fyne.CurrentApp().OpenURL,
				Waiting: func(what string) func() { return host.Waiting(what, nil) },
			})
			b.AskWith(desk)
			b.ApproveGatewayWith(desk)
			return chat.New(chat.Options{
				Engine: b, Window: host.Window, Runner: host.Runner, Now: time.Now,
				Picture: clip.Picture, Clipboard: fyne.CurrentApp().Clipboard(), OpenURL: fyne.CurrentApp().OpenURL,
				OpenServers: host.OpenServers, OpenSettings: host.OpenSettings, OpenProvider: host.OpenProvider,
				Waiting: func(what string, lead func()) func() {
					return host.Waiting(what, func() { host.OpenChat(); lead() })
				},
				Ready: func(what string, lead func()) { host.Ready(what, func() { host.OpenChat(); lead() }) },
			})
		},
		Version:    version(),
		Home:       h.dir,
		Program:    program,
		Autostart:  login,
		InTray:     slices.Contains(session.Args, inTray),
		Logger:     h.logger,
		DumpSocket: os.Getenv("DRAWBRIDGE_DUMP"),
	})
	if err != nil {
		// Whoever clicked an icon sees no terminal.
		shell.ShowError(err)
		return fail(session.Stderr, err)
	}
	e.setShow(window.Show)
	e.setOffer(window.Offer)
	serving := serve(ctx, owner, e)
	err = errors.Join(window.Run(ctx), serving.stop())
	if err != nil {
		return fail(session.Stderr, err)
	}
	return exitOK
}

// setShow says how the window is brought to the front.
func (e *engine) setShow(show func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.show = show
}

// setOffer says how the window shows the review of a file or a link.
func (e *engine) setOffer(offer func(what string)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.offer = offer
}

// ownWindow makes this process the owner. Where a window owns the home already,
// it is brought to the front, and the owner is nil. A command that owns it is
// waited for.
func ownWindow(ctx context.Context, h *home, session *control.Session) (*control.Owner, int, error) {
	deadline := time.Now().Add(commandWait)
	for said := false; ; {
		owner, client, err := control.Join(ctx, h.dir, control.Options{Version: version(), Role: roleWindow, Logger: h.logger})
		if err != nil || owner != nil {
			return owner, 0, err
		}
		info := client.Owner()
		if info.Role == roleWindow {
			if slices.Contains(session.Args, inTray) {
				return nil, exitOK, client.Close()
			}
			session.Args = []string{"show"}
			code, err := client.Run(ctx, session)
			return nil, code, err
		}
		if err := client.Close(); err != nil {
			return nil, 0, err
		}
		if time.Now().After(deadline) {
			return nil, 0, fmt.Errorf("a drawbridge command (process %d) is still running. Wait for its end, or end it, then open the window again", info.PID)
		}
		if !said {
			said = true
			fmt.Fprintf(session.Stderr, "A drawbridge command (process %d) is running; the window opens when it is done.\n", info.PID)
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return nil, 0, context.Cause(ctx)
		}
	}
}
