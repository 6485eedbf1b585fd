package openapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// redirectsMax is how many redirects within the origin are followed.
const redirectsMax = 5

// call runs a tool. Whatever goes wrong is a result that says so.
func (s *Server) call(ctx context.Context, t *tool, raw json.RawMessage) *mcp.CallToolResult {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	a, err := s.authorization(ctx)
	if err != nil {
		return failed(err.Error(), a)
	}
	req, err := s.request(t.op, raw)
	if err != nil {
		return failed("The request could not be made: "+err.Error()+".", a)
	}
	resp, err := s.send(ctx, req, a)
	if err == nil && resp.StatusCode == http.StatusUnauthorized && a.renewable {
		resp.Body.Close()
		s.auth.forget(a.token)
		if a, err = s.authorization(ctx); err != nil {
			return failed(err.Error(), a)
		}
		resp, err = s.send(ctx, req, a)
	}
	if err != nil {
		return failed(s.unreachable(ctx, err), a)
	}
	defer resp.Body.Close()
	return answer(resp, a)
}

// request is one call before it is sent: what does not depend on credentials.
type request struct {
	method  string
	url     *url.URL
	header  http.Header
	cookies []string
	body    []byte
}

// request writes the arguments to where the document wants them. The error
// completes a sentence.
func (s *Server) request(o *operation, raw json.RawMessage) (*request, error) {
	args, err := arguments(raw)
	if err != nil {
		return nil, err
	}
	r := &request{method: o.Method, header: http.Header{}}
	path, query, _ := strings.Cut(strings.SplitN(o.Path, "#", 2)[0], "?")
	var queries []string
	if query != "" {
		queries = append(queries, query)
	}
	values := map[string]string{}
	for _, p := range o.params {
		v, given := args[p.arg]
		delete(args, p.arg)
		if !given || v == nil {
			if p.required {
				return nil, fmt.Errorf("the argument %q is missing", p.arg)
			}
			continue
		}
		switch p.in {
		case "path":
			text := p.single(v, escape)
			if plainText := p.single(v, func(s string) string { return s }); plainText == "" || plainText == "." || plainText == ".." {
				return nil, fmt.Errorf("the argument %q is %q, which would be another path", p.arg, plainText)
			}
			values[p.name] = text
		case "query":
			enc := encoder(escape)
			if p.allowReserved {
				enc = escapeReserved
			}
			for _, one := range p.pairs(v, enc) {
				queries = append(queries, one.name+"="+one.value)
			}
		case "header":
			text := p.single(v, func(s string) string { return s })
			if !validValue(text) {
				return nil, fmt.Errorf("the argument %q has a line break or another control character, which a header cannot carry", p.arg)
			}
			r.header.Set(p.name, text)
		case "cookie":
			for _, one := range p.pairs(v, escape) {
				r.cookies = append(r.cookies, one.name+"="+one.value)
			}
		}
	}
	if b := o.body; b != nil {
		v, given := args[b.arg]
		delete(args, b.arg)
		switch {
		case given:
			var kind string
			if r.body, kind, err = b.write(v); err != nil {
				return nil, err
			}
			r.header.Set("Content-Type", kind)
		case b.required:
			return nil, fmt.Errorf("the argument %q is missing", b.arg)
		}
	}
	for name := range args {
		return nil, fmt.Errorf("there is no argument %q", cut(oneLine(name), 60))
	}
	if o.accept != "" {
		r.header.Set("Accept", o.accept)
	}
	r.url, err = s.address(path, values, queries)
	return r, err
}

func arguments(raw json.RawMessage) (map[string]any, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return map[string]any{}, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var args map[string]any
	if err := d.Decode(&args); err != nil {
		return nil, errors.New("the arguments are no object")
	}
	if args == nil {
		args = map[string]any{}
	}
	return args, nil
}

// address puts values into a path's template, behind the base URL. Scheme and
// host are always those of the base URL.
func (s *Server) address(path string, values map[string]string, queries []string) (*url.URL, error) {
	escaped := templateName.ReplaceAllStringFunc(escapePath(path), func(m string) string {
		return values[m[1:len(m)-1]]
	})
	for segment := range strings.SplitSeq(escaped, "/") {
		if plain, err := url.PathUnescape(segment); err != nil || plain == "." || plain == ".." {
			return nil, errors.New("its path would leave that of the base URL")
		}
	}
	whole := strings.TrimSuffix(s.base.EscapedPath(), "/") + escaped
	plain, err := url.PathUnescape(whole)
	if err != nil {
		return nil, errors.New("its path cannot be written")
	}
	u := *s.base
	u.Path, u.RawPath, u.RawQuery = plain, whole, strings.Join(queries, "&")
	return &u, nil
}

// escapePath escapes what cannot stand in a path, and leaves templates.
func escapePath(path string) string {
	return templateNameOr.ReplaceAllStringFunc(path, func(m string) string {
		if strings.HasPrefix(m, "{") {
			return m
		}
		return escapeBut(m, "/:@!$&'()*+,;=%")
	})
}

// validValue reports whether s can be the value of a header (RFC 9110, section
// 5.5).
func validValue(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

// send sends a request to the base URL's origin, with the credentials.
func (s *Server) send(ctx context.Context, r *request, a *credentials) (*http.Response, error) {
	u := *r.url
	if a.query != "" {
		if u.RawQuery != "" {
			u.RawQuery += "&"
		}
		u.RawQuery += a.query
	}
	var body io.Reader
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, u.String(), body)
	if err != nil {
		return nil, err
	}
	req.Header = r.header.Clone()
	req.Header.Set("User-Agent", "Drawbridge/"+s.o.Version)
	for name, values := range a.header {
		req.Header[name] = values
	}
	cookies := r.cookies
	if a.cookie != "" {
		cookies = append(cookies[:len(cookies):len(cookies)], a.cookie)
	}
	if len(cookies) > 0 {
		req.Header.Set("Cookie", strings.Join(cookies, "; "))
	}
	if originOf(req.URL) != originOf(s.base) { // it cannot be; the address is made of the base URL
		return nil, errors.New("the request would go elsewhere")
	}
	return s.client.Do(req)
}

// redirect follows redirects within the origin, for requests that only read;
// others are answers like any.
func (s *Server) redirect(req *http.Request, via []*http.Request) error {
	first := via[0].Method
	if originOf(req.URL) != originOf(s.base) || len(via) > redirectsMax || first != http.MethodGet && first != http.MethodHead {
		return http.ErrUseLastResponse
	}
	return nil
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// unreachable says why there was no answer, without the address, in which a key
// may stand.
func (s *Server) unreachable(ctx context.Context, err error) string {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Sprintf("%s did not answer within %s.", s.base.Host, callLimit)
	}
	if ctx.Err() != nil {
		return "The call was stopped."
	}
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err
	}
	return fmt.Sprintf("%s could not be reached: %s.", s.base.Host, cut(oneLine(err.Error()), 300))
}
