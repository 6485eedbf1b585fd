package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
)

// openBrowser shows an address in the person's browser. No shell takes part: the
// opener of the system gets the address as one argument, and nothing else.
func openBrowser(_ context.Context, address string) error {
	args, err := opener(runtime.GOOS, os.Getenv)
	if err != nil {
		return err
	}
	program, err := exec.LookPath(args[0])
	if err != nil {
		return fmt.Errorf("the program %s, which opens addresses, was not found", args[0])
	}
	cmd := exec.Command(program, append(args[1:], address)...)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", args[0], errors.Unwrap(err))
	}
	// Some openers last as long as the browser.
	go func() { _ = cmd.Wait() }()
	return nil
}

// opener is the program that opens addresses, with what goes in front of them.
func opener(system string, env func(string) string) ([]string, error) {
	switch system {
	case "windows":
		return []string{"rundll32", "url.dll,FileProtocolHandler"}, nil
	case "darwin":
		return []string{"open"}, nil
	}
	if env("DISPLAY") == "" && env("WAYLAND_DISPLAY") == "" {
		// It would start a browser of the terminal, and take that over.
		return nil, errors.New("there is no display here to show a browser on")
	}
	return []string{"xdg-open"}, nil
}
