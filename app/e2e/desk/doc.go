// Package desk is a desktop of its own for the end-to-end tests and the
// benchmarks of the window: an X server without a screen, a window manager, a
// session bus, a keychain that is unlocked, a panel with a tray, and a mouse
// and keyboard. It knows nothing of Drawbridge. It runs on Linux alone, and is
// built with the tag e2e.
//
// All programs of a desktop live in one folder with a home, a runtime folder
// and XDG folders of their own, and nothing of the person who runs the tests is
// read or changed. Close ends every process that was started here, and those
// that they started, by their ids:
//
//	d, err := desk.Start(ctx, desk.Options{Logs: out, WindowManager: true, Keychain: true, Tray: true})
//	…
//	defer d.Close()
//	cmd := exec.Command("./drawbridge")
//	cmd.Env = d.Environ()
//	program, err := d.Run("drawbridge", cmd)
//	window, err := d.Window(ctx, program.PID(), "Drawbridge")
//	err = d.Click(ctx, window, 40, 20)
package desk
