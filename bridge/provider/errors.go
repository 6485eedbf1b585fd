package provider

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// maxErrorBody bounds what is read of a refused request's answer, and
// maxErrorText what is shown of the provider's own words, both in bytes.
const (
	maxErrorBody = 256 << 10
	maxErrorText = 500
)

// errIdle is the cause of a call that was given up because nothing came.
var errIdle = errors.New("nothing came for too long")

// refusedField is the cause of an error about a field of the request.
type refusedField struct{ param, message string }

func (e *refusedField) Error() string { return "refused: " + e.param }

func (e *endpoint) errorf(kind model.ErrorKind, status int, cause error, format string, a ...any) *model.Error {
	return &model.Error{Kind: kind, Status: status, Message: fmt.Sprintf(format, a...), Err: cause}
}

// complaint is what a provider says about a failure, in any of the shapes that
// the services use.
type complaint struct {
	message, code, kind, param string
	retry                      time.Duration // as the body asks; 0 if it does not
}

// readComplaint takes what it can from the body of an error, or from an error
// event of a stream. The zero value means that there is nothing readable.
func readComplaint(body []byte) complaint {
	body = bytes.TrimSpace(body)
	if len(body) > 0 && body[0] == '[' {
		var list []json.RawMessage
		if json.Unmarshal(body, &list) == nil && len(list) > 0 {
			body = list[0]
		}
	}
	var s struct {
		Error, Message, Detail, Code, Type, Param, Status, Details json.RawMessage
	}
	if json.Unmarshal(body, &s) != nil {
		if len(body) == 0 || body[0] == '<' || body[0] == '{' {
			return complaint{}
		}
		return complaint{message: string(body)}
	}
	if len(s.Error) > 0 && s.Error[0] == '{' {
		inner := readComplaint(s.Error)
		if inner != (complaint{}) {
			return inner
		}
	}
	c := complaint{message: looseText(s.Message), code: looseText(s.Code), kind: looseText(s.Type), param: looseText(s.Param)}
	if c.message == "" {
		c.message = looseText(s.Error)
	}
	if c.message == "" {
		c.message = looseText(s.Detail)
	}
	if c.kind == "" && len(s.Status) > 0 && s.Status[0] == '"' {
		c.kind = looseText(s.Status)
	}
	c.readDetails(s.Details)
	return c
}

// readDetails takes what counts of the details of a Google error
// (google.rpc.Status): its reason, which quota it was, and when to come back.
func (c *complaint) readDetails(raw json.RawMessage) {
	var details []struct {
		Reason     string `json:"reason"`     // of an ErrorInfo
		RetryDelay string `json:"retryDelay"` // of a RetryInfo
		Violations []struct {
			QuotaID string `json:"quotaId"`
		} `json:"violations"` // of a QuotaFailure
	}
	var mistyped *json.UnmarshalTypeError
	if err := json.Unmarshal(raw, &details); err != nil && !errors.As(err, &mistyped) {
		return
	}
	for _, d := range details {
		if d.Reason != "" {
			c.kind += " " + d.Reason
		}
		if len(d.Violations) > 0 && d.Violations[0].QuotaID != "" {
			c.kind += " " + d.Violations[0].QuotaID
		}
		if wait, err := time.ParseDuration(d.RetryDelay); err == nil && wait > 0 {
			c.retry = wait
		}
	}
}

// looseText returns a JSON string's text, nothing for null, and other values
// as they are written.
func looseText(raw json.RawMessage) string {
	raw = bytes.TrimSpace(raw)
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return ""
	case raw[0] == '"':
		var s string
		if json.Unmarshal(raw, &s) == nil {
			return s
		}
	}
	return string(raw)
}

// statusError maps an answer that is no success. It reads the body, bounded,
// and leaves closing it to the caller.
func (e *endpoint) statusError(res *http.Response, secrets []string) error {
	body, _ := io.ReadAll(io.LimitReader(res.Body, maxErrorBody)) // what was read before an error still helps
	err := e.complaintError(res.StatusCode, readComplaint(body), secrets)
	if wait := retryAfter(res.Header, e.o.Now()); wait > 0 {
		err.RetryAfter = wait
	}
	return err
}

// complaintError maps what a provider says to a kind and a sentence. status is
// 0 for an error inside a stream.
func (e *endpoint) complaintError(status int, c complaint, secrets []string) *model.Error {
	if status == 0 {
		if n, err := strconv.Atoi(c.code); err == nil && n >= 400 && n <= 599 {
			status = n
		}
	}
	kind := complaintKind(status, c)
	said := quote(c.message, secrets, maxErrorText)
	if said == "" {
		said = quote(c.code, secrets, 100)
	}
	if label, why, ok := managedComplaint(status, c); ok {
		return e.managedError(status, quote(label, secrets, 100), quote(why, secrets, maxErrorText))
	}
	title := e.cfg.Title()
	var text string
	switch kind {
	case model.ErrorAuth:
		text = fmt.Sprintf("%s refused the key or the account behind it%s", title, tail(status, said, "Check the key under Settings, Providers, and the account's rights and credit."))
	case model.ErrorNotFound:
		text = fmt.Sprintf("%s does not know the model or the address%s", title, tail(status, said, "Choose another model, or check the address "+e.address()+"; "+e.ending()+"."))
	case model.ErrorRate:
		text = fmt.Sprintf("%s wants fewer requests%s", title, tail(status, said, "Wait a moment and try again."))
	case model.ErrorServer:
		text = fmt.Sprintf("%s failed%s", title, tail(status, said, "Try again, or choose another model."))
	case model.ErrorContext:
		text = fmt.Sprintf("The conversation is too long for this model of %s%s", title, tail(status, said, "Start a new conversation, or switch tools off."))
	default:
		text = fmt.Sprintf("%s refused the request%s", title, tail(status, said, ""))
	}
	err := &model.Error{Kind: kind, Status: status, Message: text, RetryAfter: c.retry}
	if kind == model.ErrorRequest && (status == 0 || status == http.StatusBadRequest || status == http.StatusUnprocessableEntity) {
		err.Err = &refusedField{param: scrub(c.param, secrets), message: said}
	}
	return err
}

func complaintKind(status int, c complaint) model.ErrorKind {
	code := strings.ToLower(c.code + " " + c.kind)
	text := strings.ToLower(c.message)
	switch {
	case strings.Contains(code, "context_length") || strings.Contains(code, "exceed_context"),
		status < 500 && (strings.Contains(text, "context length") || strings.Contains(text, "context window") ||
			strings.Contains(text, "context size") || strings.Contains(text, "context limit") || strings.Contains(text, "prompt is too long") ||
			strings.Contains(text, "input token count") && strings.Contains(text, "exceeds")),
		strings.Contains(code, "request_too_large"):
		return model.ErrorContext
	case strings.Contains(code, "insufficient_quota"), strings.Contains(code, "invalid_api_key"),
		strings.Contains(code, "api_key_invalid"), strings.Contains(code, "perday"), // Google's
		strings.Contains(code, "authentication_error"), strings.Contains(code, "permission_error"), // Anthropic's
		strings.Contains(code, "billing_error"), strings.Contains(text, "credit balance is too low"),
		status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusPaymentRequired:
		return model.ErrorAuth
	case status == http.StatusTooManyRequests, strings.Contains(code, "rate_limit"):
		return model.ErrorRate
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed, strings.Contains(code, "model_not_found"), strings.Contains(code, "not_found_error"):
		return model.ErrorNotFound
	case status >= 500, status == http.StatusRequestTimeout, status == http.StatusConflict, status == http.StatusTooEarly,
		strings.Contains(code, "server_error"), strings.Contains(code, "overloaded"), strings.Contains(code, "timeout"):
		return model.ErrorServer
	case status == 0 && !strings.Contains(code, "invalid"):
		return model.ErrorServer // a stream that began and then failed
	}
	return model.ErrorRequest
}

// tail ends a sentence with the status, the provider's words and the advice.
func tail(status int, said, advice string) string {
	var b strings.Builder
	if status != 0 {
		fmt.Fprintf(&b, " (%d)", status)
	}
	if said != "" {
		b.WriteString(": " + said)
	}
	if !strings.HasSuffix(said, ".") && !strings.HasSuffix(said, "!") && !strings.HasSuffix(said, "?") {
		b.WriteByte('.')
	}
	if advice != "" {
		b.WriteString(" " + advice)
	}
	return b.String()
}

// transportError maps what openai-go and net/http return. Errors that are
// mapped already, and the context's own, pass.
func (e *endpoint) transportError(ctx context.Context, err error, secrets []string) error {
	var known *model.Error
	if errors.As(err, &known) {
		return known
	}
	if cause := context.Cause(ctx); cause != nil {
		if errors.Is(cause, errIdle) {
			return e.errorf(model.ErrorTransport, 0, fmt.Errorf("%w: %w", model.ErrCut, errIdle),
				"%s sent nothing for too long, so the call was given up. Try again.", e.cfg.Title())
		}
		return ctx.Err()
	}
	// The cause is kept as text alone: net/http's errors hold addresses, and
	// openai-go's the whole request.
	said := quote(bareText(err), secrets, 200)
	cause := errors.New(said)
	host := e.base.Host
	var redirect errRedirect
	var dns *net.DNSError
	var cert *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var timeout net.Error
	switch {
	case errors.As(err, &redirect):
		return e.errorf(model.ErrorProtocol, 0, cause, "%s sends requests on to %s. The key is not sent there; if that is right, make it the address of this provider.",
			e.cfg.Title(), quote(redirect.to, secrets, 200))
	case errors.As(err, &dns):
		return e.errorf(model.ErrorTransport, 0, cause, "The host %s of %s cannot be found. Check the address and the network.", host, e.cfg.Title())
	case errors.Is(err, syscall.ECONNREFUSED) || strings.Contains(said, "refused"):
		return e.errorf(model.ErrorTransport, 0, cause, "Nothing answers at %s. Check that %s is running and that the address is right.", host, e.cfg.Title())
	case errors.As(err, &cert):
		return e.errorf(model.ErrorTrust, 0, cause, "The certificate of %s is not trusted: %s. Nothing was sent. Check the address, and the clock of this machine.", host, strings.TrimRight(said, "."))
	case errors.As(err, &record) || strings.Contains(said, "HTTP response to HTTPS client"):
		return e.errorf(model.ErrorTrust, 0, cause, "%s does not speak https. Write http:// in front of its address if it is on your own machine.", host)
	case badHandshake(err):
		return e.errorf(model.ErrorTrust, 0, cause, "No secure connection to %s can be made: %s. Nothing was sent. Check the address, and whether a proxy or a firewall stands in between.", host, strings.TrimRight(said, "."))
	case errors.As(err, &timeout) && timeout.Timeout():
		return e.errorf(model.ErrorTransport, 0, cause, "%s did not answer in time. Check the network and try again.", host)
	}
	return e.errorf(model.ErrorTransport, 0, cause, "The connection to %s failed: %s. Check the network and try again.", host, said)
}

// badHandshake reports whether one side refused to speak TLS with the other, as
// they would again: an alert (RFC 8446, section 6.2) that is not about a
// connection that broke.
func badHandshake(err error) bool {
	text := bareText(err)
	var op *net.OpError
	if errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error") {
		return !strings.Contains(text, "bad record MAC") && !strings.Contains(text, "internal error")
	}
	return strings.HasPrefix(text, "tls: ")
}

// bareText returns an error's text without the address that net/http puts in
// front.
func bareText(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err.Error()
	}
	return err.Error()
}

// ending says how addresses of this format end.
func (e *endpoint) ending() string {
	switch e.cfg.Kind {
	case store.ProviderGemini:
		return "that of Google ends in /v1beta"
	case store.ProviderAnthropic:
		return "that of Anthropic has nothing behind the host"
	}
	return "many services want /v1 at its end"
}

// address is the entry's base URL as people wrote it, without a query.
func (e *endpoint) address() string {
	u := *e.base
	u.RawQuery, u.Fragment = "", ""
	return u.String()
}

// retryAfter reads how long a provider wants to be left alone: RFC 9110,
// section 10.2.3, and the header in milliseconds that OpenAI sends.
func retryAfter(h http.Header, now time.Time) time.Duration {
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil && ms > 0 && ms < 1e9 {
		return time.Duration(ms * float64(time.Millisecond))
	}
	v := h.Get("Retry-After")
	if s, err := strconv.ParseFloat(v, 64); err == nil && s > 0 && s < 1e6 {
		return time.Duration(s * float64(time.Second))
	}
	if t, err := http.ParseTime(v); err == nil && t.After(now) {
		return t.Sub(now)
	}
	return 0
}

// scrub takes the values of secrets out of a text that came from outside.
func scrub(text string, secrets []string) string {
	return tools.NewRedactor(secretInError, secrets...).Text(text)
}

// quote makes foreign words fit for a sentence, without secrets: also without
// those that only show once invisible characters are gone, and before the end
// is cut off, which might leave the half of one.
func quote(text string, secrets []string, limit int) string {
	return cut(scrub(clean(scrub(text, secrets), len(text)), secrets), limit)
}

// clean makes foreign text fit for a sentence: one line, no control or
// invisible characters, at most limit bytes.
func clean(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co) || r == utf8.RuneError:
			return -1
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	return cut(text, limit)
}

// cut shortens a text to at most limit bytes, without breaking a character.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit] + "…"
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}
