// Package e2e tests the whole of Drawbridge as a person meets it: the program
// that is given to people, in a real window on a desktop of its own, with a
// real tray, keychain and MCP servers, and a stand-in for the model server. It
// is no place for tests of a single package, which stand beside it.
//
// The tests run on Linux, with the tag e2e; make e2e builds the program,
// installs what they need and keeps their screenshots and logs in .ci/out/e2e.
// The parts that they are made of are packages of their own: desk is the
// desktop, driver works the window, standin is the far side, and measure and
// bench are the benchmarks.
package e2e
