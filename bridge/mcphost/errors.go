package mcphost

import "errors"

// errStopped is the cause with which a life ends that was ended on purpose.
var errStopped = errors.New("the server was stopped")

// The causes with which a link ends that this side ended.
var (
	errAsleep = errors.New("the server was not needed for a while")
	errMute   = errors.New("the server does not answer any more")
)

// sentenceError is an error whose text is for a person; what it wraps is for
// errors.Is.
type sentenceError struct {
	text string
	err  error
}

func sentence(text string, err error) error { return &sentenceError{text, err} }

func (e *sentenceError) Error() string { return e.text }
func (e *sentenceError) Unwrap() error { return e.err }
