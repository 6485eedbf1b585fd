// Package clients uses Drawbridge's gateway with the MCP clients that other
// people wrote: the Inspector's command line, the TypeScript SDK, Vercel's AI SDK
// and FastMCP. make clients installs them and runs the tests.
package clients
