package mcphost

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"

	"github.com/drawbridge-app/drawbridge/store"
)

// httpError says in a sentence why a server cannot be used over HTTP.
type httpError struct {
	text  string
	err   error
	retry bool // it may pass by itself
}

func (e *httpError) Error() string { return e.text }
func (e *httpError) Unwrap() error { return e.err }

// retryable reports whether a server over HTTP is worth another try later.
func retryable(err error) bool {
	var lost *lostError
	if errors.As(err, &lost) && lost.k.http != nil {
		err = lost.k.http.explain(lost.cause)
	}
	var e *httpError
	return errors.As(err, &e) && e.retry
}

// startError phrases why a session could not be opened.
func (h *httpLink) startError(cause, err error, o Options) error {
	switch {
	case errors.Is(cause, errStopped):
		return errStopped
	case errors.Is(cause, errNoAnswer):
		return &httpError{fmt.Sprintf("%s did not answer within %s.", h.address, o.StartTimeout), cause, true}
	}
	return h.explain(err)
}

// explain phrases what went wrong, from the error and the last answer.
func (h *httpLink) explain(err error) error {
	say := func(retry bool, format string, a ...any) error {
		return &httpError{h.secrets.Text(fmt.Sprintf(format, a...)), err, retry}
	}
	host := hostOf(h.address)
	last := h.lastAnswer()
	from := err
	if last.err != nil {
		from = last.err
	}
	var (
		redirect *redirectError
		dns      *net.DNSError
		unknown  x509.UnknownAuthorityError
		hostname x509.HostnameError
		invalid  x509.CertificateInvalidError
		record   tls.RecordHeaderError
		verify   *tls.CertificateVerificationError
		timeout  net.Error
	)
	var signIn *signInError
	var refused *notTakenError
	switch {
	case errors.As(err, &refused) && (last.status == http.StatusNotFound || last.status == http.StatusGone):
		// Its stream was open a moment ago.
		return say(true, "%s does not know the connection that it just took. It may be starting anew.", host)
	case errors.As(from, &signIn):
		return &httpError{h.secrets.Text(signIn.Error()), err, signIn.passing()}
	case errors.As(err, &redirect), errors.As(from, &redirect):
		return say(false, "%s sends its visitors on to %s, which is another server. If that is right, write that address into its settings.", host, visible(cut(redirect.target(), 300)))
	case errors.Is(err, errNoEvents) && last.status < 400, errors.Is(err, errNoEndpoint):
		return say(false, "%s answered, but not as an MCP server with the older transport (SSE) does. Check the path of the address; it often ends in /sse, or in /mcp for Streamable HTTP.", visible(h.address))
	case errors.As(from, &dns):
		return say(true, "The name %s was not found on the network. Check the address, and whether you are online.", visible(dns.Name))
	case errors.Is(from, syscall.ECONNREFUSED):
		return say(true, "Nothing answers at %s. Start the server there, or correct the address.", host)
	case errors.As(from, &unknown):
		return say(false, "The certificate of %s was signed by nobody whom this system trusts.", host)
	case errors.As(from, &hostname):
		return say(false, "The certificate of %s belongs to another name.", host)
	case errors.As(from, &invalid), errors.As(from, &verify):
		return say(false, "The certificate of %s is not valid: it may have expired, or the clock is wrong.", host)
	case errors.As(from, &record):
		return say(false, "%s does not speak HTTPS. Perhaps the address should begin with http://.", host)
	case last.err != nil && errors.Is(last.err, io.EOF), errors.Is(from, syscall.ECONNRESET):
		return say(true, "%s closed the connection. It may have ended or be starting anew.", host)
	case errors.As(from, &timeout) && timeout.Timeout(), errors.Is(from, context.DeadlineExceeded):
		return say(true, "%s did not answer in time.", host)
	case errors.Is(from, syscall.ENETUNREACH), errors.Is(from, syscall.EHOSTUNREACH):
		return say(true, "There is no way to %s. Check whether you are online.", host)
	}
	switch {
	case last.status == http.StatusUnauthorized && h.signIn:
		return say(false, "%s asks who you are (401). Sign in; or, if it gave you a token, edit the server and add the header Authorization with the value \"Bearer \" and your token, marked as secret.", host)
	case last.status == http.StatusUnauthorized:
		return say(false, "%s asks who you are (401). Edit the server and add the header Authorization with the value \"Bearer \" and your token, marked as secret.", host)
	case last.status == http.StatusForbidden:
		return say(false, "%s refuses access (403). The token may lack a right, or the header Authorization is missing; edit the server and check its headers.", host)
	case last.status == http.StatusNotFound, last.status == http.StatusMethodNotAllowed, last.status == http.StatusGone:
		return say(false, "There is no MCP server at %s (%d). Check the path of the address; it often ends in /mcp.", visible(h.address), last.status)
	case last.status == http.StatusTooManyRequests:
		return say(true, "%s was asked too often (429).", host)
	case last.status >= 500:
		return say(true, "%s failed (%d %s).", host, last.status, http.StatusText(last.status))
	case last.status >= 400:
		return say(false, "%s refused the request (%d %s). Check the address and the headers.", host, last.status, http.StatusText(last.status))
	case last.status >= 200 && last.kind == "text/html":
		return say(false, "%s answered with a web page and not as an MCP server. Check the path of the address; it often ends in /mcp.", visible(h.address))
	case last.status >= 200 && last.kind != "application/json" && last.kind != "text/event-stream" && last.kind != "":
		return say(false, "%s answered with %s and not as an MCP server. Check the address.", visible(h.address), visible(cut(last.kind, 60)))
	}
	return say(true, "The connection to %s failed: %s.", host, visible(cut(err.Error(), 500)))
}

// failedHTTP says why a call over HTTP has no result, and ends the link unless
// the server only failed this request.
func (k *link) failedHTTP(err error, answer *capture) error {
	if status := answer.httpStatus(); status >= 500 || status == http.StatusTooManyRequests {
		return sentence(fmt.Sprintf("The server %q failed to run the call (%d %s).", k.name, status, http.StatusText(status)), err)
	}
	k.die(err)
	why := k.http.explain(err)
	if !answer.wasSent() || errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("the call to %q was not run: %w", k.name, why)
	}
	return fmt.Errorf("the call to %q has no result: %w Whether it did something is not known (%w)", k.name, why, store.ErrClosed)
}
