// Package standin is the far side of the end-to-end tests: a model server that
// answers from a script, a proxy in front of it that keeps what was really
// sent, and the MCP servers from npm with the Node that runs them. It needs no
// network. It runs on Linux alone, and is built with the tag e2e.
//
// The model server is aimock, which reads its answers from fixtures and speaks
// the formats of the great providers. It forgives what a provider would refuse
// and keeps no raw request, so the proxy does the latter:
//
//	node, err := standin.FindNode(ctx)
//	…
//	model, err := node.StartModel(ctx, d, standin.ModelOptions{Fixtures: "testdata/models"})
//	proxy, err := standin.NewProxy(model.URL())
//	defer proxy.Close()
//	// base URL of the provider in the program: proxy.URL() + "/v1"
//	request, err := proxy.Wait(ctx, 0, nil) // the first
package standin
