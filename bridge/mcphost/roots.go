//lint:file-ignore SA1019 servers of the older era still ask for folders

package mcphost

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// capable says what a server may ask of us: questions to the person where one
// can be asked, and folders where some were granted. Sampling is not offered.
func (k *link) capable(c *mcp.ClientCapabilities, o Options) {
	if o.Elicitor != nil {
		c.Elicitation = &mcp.ElicitationCapabilities{Form: &mcp.FormElicitationCapabilities{}, URL: &mcp.URLElicitationCapabilities{}}
	}
	if k.samples {
		c.Sampling = &mcp.SamplingCapabilities{}
	}
	if len(k.roots) > 0 {
		c.RootsV2 = &mcp.RootCapabilities{}
	}
}

// tellRoots answers a server that asks for folders.
func (k *link) tellRoots() *mcp.ListRootsResult {
	k.log.add(fmt.Sprintf("it was told the %d folders that you granted", len(k.roots)))
	return &mcp.ListRootsResult{Roots: k.grantedRoots()}
}

// grantedRoots are the folders as the protocol names them ("Roots" of the
// specification).
func (k *link) grantedRoots() []*mcp.Root {
	out := make([]*mcp.Root, 0, len(k.roots))
	for _, dir := range k.roots {
		p := filepath.ToSlash(dir)
		if !strings.HasPrefix(p, "/") {
			p = "/" + p // C:/…
		}
		out = append(out, &mcp.Root{URI: (&url.URL{Scheme: "file", Path: p}).String(), Name: filepath.Base(dir)})
	}
	return out
}
