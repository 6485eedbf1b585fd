//go:build !linux

package mcphost

// sandboxHelp says what to do where there is no sandbox.
const sandboxHelp = ""
