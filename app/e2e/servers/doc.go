// Package servers starts MCP servers that people use, as people start them: by
// npx, by uvx, by python, and over Streamable HTTP with a bearer token and with
// a sign-in. Each is approved, listed and called once through the whole bridge,
// with its policy, and afterwards nothing may be left of it.
//
// Its tests run on Linux, with the tag e2e. make servers installs the servers,
// as pinned in app/testdata/servers, and runs them; there is no window and,
// but for the package managers, no network: what the servers would ask the
// internet for meets a proxy on this computer that refuses it.
package servers
