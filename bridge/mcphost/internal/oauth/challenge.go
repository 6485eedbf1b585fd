package oauth

import (
	"net/http"
	"slices"
	"strings"

	"github.com/drawbridge-app/drawbridge/store"
)

const (
	challengeMax = 8 << 10 // bytes of WWW-Authenticate that are read
	scopesMax    = 64      // that are ever asked for at once
)

// Challenge is what a server asked for when it refused a request (RFC 6750,
// section 3; RFC 9728, section 5.1).
type Challenge struct {
	// Bearer says that the server named this way to sign in at all.
	Bearer bool
	// Metadata is the address of the resource's metadata, or empty.
	Metadata string
	Scopes   []string
	Error    string // "invalid_token", "insufficient_scope" …
}

// Insufficient reports whether more rights are asked for.
func (c Challenge) Insufficient() bool { return c.Error == "insufficient_scope" }

// ReadChallenge reads the header WWW-Authenticate (RFC 9110, section 11.6.1).
// What cannot be read is skipped; the first challenge of the scheme Bearer counts.
func ReadChallenge(h http.Header) Challenge {
	text := strings.Join(h.Values("WWW-Authenticate"), ", ")
	if len(text) > challengeMax {
		text = text[:challengeMax]
	}
	var c Challenge
	p := challengeReader{rest: text}
	inBearer := false
	for {
		scheme, name, value, ok := p.next()
		if !ok {
			return c
		}
		if scheme != "" {
			if c.Bearer {
				return c
			}
			inBearer = strings.EqualFold(scheme, "Bearer")
			c.Bearer = inBearer
			continue
		}
		if !inBearer {
			continue
		}
		switch strings.ToLower(name) {
		case "resource_metadata":
			c.Metadata = value
		case "scope":
			c.Scopes = scopes(strings.Fields(value))
		case "error":
			c.Error = value
		}
	}
}

// scopes keeps what are valid scopes, once each, up to the most that is asked for.
func scopes(list []string) []string {
	var out []string
	for _, s := range list {
		if store.ValidScope(s) && !slices.Contains(out, s) && len(out) < scopesMax {
			out = append(out, s)
		}
	}
	return out
}

// challengeReader takes the header apart into schemes and parameters.
type challengeReader struct{ rest string }

// next returns a scheme, or a parameter with its value.
func (p *challengeReader) next() (scheme, name, value string, ok bool) {
	for {
		p.rest = strings.TrimLeft(p.rest, " \t,")
		if p.rest == "" {
			return "", "", "", false
		}
		word := p.token()
		if word == "" { // no token, so nothing that belongs here
			p.rest = p.rest[1:]
			continue
		}
		after := strings.TrimLeft(p.rest, " \t")
		if !strings.HasPrefix(after, "=") {
			return word, "", "", true
		}
		p.rest = strings.TrimLeft(after[1:], " \t")
		if strings.HasPrefix(p.rest, `"`) {
			return "", word, p.quoted(), true
		}
		value = p.token()
		p.rest = strings.TrimLeft(p.rest, "=") // padding of a token68
		return "", word, value, true
	}
}

// token reads a token of RFC 9110, and what a token68 has beside.
func (p *challengeReader) token() string {
	i := 0
	for i < len(p.rest) && (p.rest[i] > ' ' && p.rest[i] < 0x7f) && !strings.ContainsRune(`,="()<>@;\[]?{}`, rune(p.rest[i])) {
		i++
	}
	word := p.rest[:i]
	p.rest = p.rest[i:]
	return word
}

func (p *challengeReader) quoted() string {
	var b strings.Builder
	for i := 1; i < len(p.rest); i++ {
		switch c := p.rest[i]; c {
		case '"':
			p.rest = p.rest[i+1:]
			return b.String()
		case '\\':
			if i++; i < len(p.rest) {
				b.WriteByte(p.rest[i])
			}
		default:
			b.WriteByte(c)
		}
	}
	p.rest = "" // it never ends, so its value is not known
	return ""
}
