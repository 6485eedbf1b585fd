package mcphost

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"github.com/drawbridge-app/drawbridge/bridge/mcphost/internal/oauth"
	"github.com/drawbridge-app/drawbridge/store"
)

// over returns a round tripper that adds the token of the account to requests
// for the origin, renews it when the server refuses it, and tries those requests
// once more. A refused request was not run, so nothing runs twice.
func (a *account) over(base http.RoundTripper, origin string) http.RoundTripper {
	if a == nil {
		return base
	}
	return &signedTransport{base: base, account: a, origin: origin}
}

type signedTransport struct {
	base    http.RoundTripper
	account *account
	origin  string
}

// signInError says why a request was not sent, or has no answer: the sign-in.
type signInError struct{ err error }

func (e *signInError) Error() string { return oauth.Sentence(e.err) }
func (e *signInError) Unwrap() error { return e.err }

// passing reports whether it may pass by itself.
func (e *signInError) passing() bool {
	return oauth.Passing(e.err)
}

// RoundTrip sends one request.
func (t *signedTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if originOf(req.URL) != t.origin {
		return t.base.RoundTrip(req)
	}
	ctx, s := req.Context(), t.account.session
	find := s.Token
	if t.account.lazy {
		find = s.Loaded
	}
	token, err := find(ctx)
	if err != nil && !errors.Is(err, oauth.ErrNeeded) {
		return nil, &signInError{err}
	}
	for try := 0; ; try++ {
		resp, err := t.send(req, token)
		if err != nil {
			return nil, err
		}
		var fresh string
		c := oauth.ReadChallenge(resp.Header)
		switch {
		case resp.StatusCode == http.StatusUnauthorized && try > 0:
			err = s.GaveUp()
		case resp.StatusCode == http.StatusUnauthorized:
			fresh, err = s.Refused(ctx, token, c)
		case resp.StatusCode == http.StatusForbidden && c.Insufficient() && try < triesMax:
			fresh, err = s.Insufficient(ctx, token, c)
		default:
			if resp.StatusCode < 300 && token != "" {
				s.Accepted(token)
			}
			return resp, nil
		}
		if errors.Is(err, oauth.ErrNeeded) || errors.Is(err, store.ErrDenied) {
			return t.answered(req, resp, err), nil
		}
		if err != nil {
			resp.Body.Close()
			return nil, &signInError{err}
		}
		again := req.Clone(ctx)
		if req.Body != nil && req.Body != http.NoBody {
			if req.GetBody == nil {
				return resp, nil
			}
			if again.Body, err = req.GetBody(); err != nil {
				return resp, nil
			}
		}
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, errorBodyMax))
		resp.Body.Close()
		req, token = again, fresh
	}
}

// triesMax is how often a refused request is sent again with a better token: one
// that was renewed, then one with more rights.
const triesMax = 2

// send sends the request with a token, or as it is for an empty one.
func (t *signedTransport) send(req *http.Request, token string) (*http.Response, error) {
	if token != "" {
		req = req.Clone(req.Context())
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return t.base.RoundTrip(req)
}

// answered makes the refusal of a call an error of that call alone, so that the
// connection goes on and the next call after the sign-in works. What belongs to
// the start of a connection stays refused.
func (t *signedTransport) answered(req *http.Request, resp *http.Response, why error) *http.Response {
	if req.GetBody == nil {
		return resp
	}
	body, err := req.GetBody()
	if err != nil {
		return resp
	}
	defer body.Close()
	var m struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
	}
	if json.NewDecoder(io.LimitReader(body, messageMax)).Decode(&m) != nil || len(m.ID) == 0 {
		return resp
	}
	switch m.Method {
	case "tools/call", "resources/read", "prompts/get", "completion/complete", "resources/subscribe":
	default:
		return resp
	}
	const how = " Sign in on the server's card, or with drawbridge servers login; then call again."
	words := oauth.Sentence(why)
	switch {
	case why == oauth.ErrNeeded:
		words = "The server does not accept your sign-in any more." + how
	case errors.Is(why, oauth.ErrNeeded):
		words += how
	}
	text, err := json.Marshal(words)
	if err != nil {
		return resp
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, errorBodyMax))
	resp.Body.Close()
	b := fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":%s}}`, m.ID, jsonrpc.CodeInvalidRequest, text)
	resp.StatusCode, resp.Status = http.StatusOK, "200 OK"
	resp.Header = http.Header{"Content-Type": {"application/json"}}
	resp.ContentLength, resp.TransferEncoding = int64(len(b)), nil
	resp.Body = io.NopCloser(bytes.NewReader(b))
	return resp
}
