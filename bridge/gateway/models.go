package gateway

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/drawbridge-app/drawbridge/store"
)

// forModels reports whether a request is one to Options.Models.
func (g *Gateway) forModels(r *http.Request) bool {
	return g.o.Models != nil && strings.HasPrefix(r.URL.Path, "/v1/")
}

// modelsError is a refusal in the shape of OpenAI's errors. The sentence is JSON.
func modelsError(status int, sentence []byte) string {
	kind, code := "server_error", "server_error"
	switch status {
	case http.StatusUnauthorized:
		kind, code = "authentication_error", "invalid_api_key"
	case http.StatusForbidden:
		kind, code = "permission_error", "permission_denied"
	}
	return fmt.Sprintf(`{"error":{"message":%s,"type":%q,"param":null,"code":%q}}`, sentence, kind, code)
}

type modelsKey struct{}

// modelsVisit is a request to Options.Models.
type modelsVisit struct {
	g      *Gateway
	caller store.Caller
}

// CallerFrom returns who a request to Options.Models is from.
func CallerFrom(ctx context.Context) (store.Caller, bool) {
	v, ok := ctx.Value(modelsKey{}).(*modelsVisit)
	if !ok {
		return store.Caller{}, false
	}
	return v.caller, true
}

// Forward returns which of the headers that a request to Options.Models names go
// on to which of these servers, as those of a request to a namespace would. None
// of the headers may hold a key of this gateway.
func Forward(ctx context.Context, h http.Header, servers []string) map[string]map[string]string {
	v, ok := ctx.Value(modelsKey{}).(*modelsVisit)
	if !ok {
		return nil
	}
	within := slices.DeleteFunc(slices.Clone(v.g.o.Runner.Servers(v.caller)), func(s Server) bool { return !slices.Contains(servers, s.ID) })
	return v.g.credentials(h, keyHeaders[0], within)
}
