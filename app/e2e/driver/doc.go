// Package driver works Drawbridge's window as a person does: it looks for a
// text, moves the mouse there and clicks, and types. What is where it learns
// from a dump that the program writes to a socket where DRAWBRIDGE_DUMP says
// so; the dump cannot act, and neither does this package in any way but by the
// mouse and keyboard of a desk.Desktop. It runs on Linux alone, and is built
// with the tag e2e.
//
//	app, err := driver.Start(ctx, d, driver.Options{Program: "./drawbridge", Shots: out})
//	…
//	err = app.Click(ctx, driver.Text("Servers"))
//	err = app.Wait(ctx, driver.Contains("ready, 13 tools"))
//
// Each method waits for what it needs, for a bounded time. When it waits in
// vain, the error says what was on the screen instead, and a screenshot is
// among the Shots.
package driver
