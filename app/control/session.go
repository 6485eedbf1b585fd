package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"runtime"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/drawbridge-app/drawbridge/store"
)

// A Session is one command and what it talks to. It is the same for a command
// of this process (made by [Local]) and for one that a client forwarded.
type Session struct {
	// Args are the arguments, without the program's name.
	Args []string
	// Dir is the caller's working directory, an absolute path. A command
	// resolves relative paths against it, never against the process's own.
	Dir string

	// Stdin takes no more from standard input than is read here, also when
	// that is a client's. A Read ends when the session's context does, with
	// its cause. Reads of several goroutines wait for each other.
	Stdin io.Reader
	// Stdout and Stderr may be written from any goroutine. A client that
	// does not read holds up the write; once the session's context is done a
	// write takes at most Options.Grace.
	Stdout, Stderr io.Writer

	StdinTTY  bool // standard input is a terminal, so a person can be asked
	StdoutTTY bool // standard output is a terminal
	Width     int  // columns of that terminal; 0 when unknown

	// Peer is the process that the command came from: the client, or this
	// process itself.
	Peer Peer

	// ReadSecret asks for one value that is not shown while it is typed.
	// When standard input is a terminal it prints prompt to standard error
	// and reads a line without echo. When it is not, it prints nothing and
	// reads one line of Stdin, without its end ("\n" or "\r\n") and not a
	// byte more: several values are given as one line each. A command whose
	// value may have several lines reads Stdin itself when StdinTTY is
	// false. A value has at most 65,536 bytes. An empty line is an empty
	// value. The error is ErrNoInput when the input ends before the first
	// byte, and a context's cause when that is done first: the session's,
	// and at a terminal also ctx's. Do not call it while another goroutine
	// reads Stdin.
	ReadSecret func(ctx context.Context, prompt string) (store.Secret, error)
}

// Local gives the session of this process's own command: the standard streams
// of the process, its working directory, and args, which are the arguments
// without the program's name. ctx is the session's context, the one that the
// command is run with. When ctx ends during a read of standard input, that
// read stays behind and takes what comes next.
func Local(ctx context.Context, args []string) (*Session, error) {
	return local(ctx, args, os.Stdin, os.Stdout, os.Stderr)
}

func local(ctx context.Context, args []string, stdin, stdout, stderr *os.File) (*Session, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("finding the working directory: %w", err)
	}
	s := &Session{
		Args: args, Dir: dir,
		Stdin: &endingReader{ctx: ctx, r: stdin}, Stdout: stdout, Stderr: stderr,
		StdinTTY:  term.IsTerminal(int(stdin.Fd())),
		StdoutTTY: term.IsTerminal(int(stdout.Fd())),
		Peer:      Peer{PID: os.Getpid(), UID: os.Getuid()},
	}
	if s.StdoutTTY {
		if width, _, err := term.GetSize(int(stdout.Fd())); err == nil {
			s.Width = width
		}
	}
	s.ReadSecret = func(ctx context.Context, prompt string) (store.Secret, error) {
		if !s.StdinTTY {
			return readLine(ctx, s.Stdin)
		}
		return readTerminal(ctx, stdin, stderr, prompt)
	}
	return s, nil
}

// readLine reads one line, byte by byte so that nothing behind it is taken.
func readLine(ctx context.Context, r io.Reader) (store.Secret, error) {
	var line []byte
	var b [1]byte
	for {
		if ctx.Err() != nil {
			return store.Secret{}, context.Cause(ctx)
		}
		n, err := r.Read(b[:])
		if n == 1 {
			if b[0] == '\n' {
				break
			}
			if len(line) == maxSecret+1 {
				return store.Secret{}, fmt.Errorf("the value on standard input is longer than %d bytes", maxSecret)
			}
			line = append(line, b[0])
		}
		if errors.Is(err, io.EOF) {
			if len(line) == 0 {
				return store.Secret{}, ErrNoInput
			}
			break
		}
		if err != nil {
			return store.Secret{}, err
		}
	}
	line = trimReturn(line)
	if len(line) > maxSecret {
		return store.Secret{}, fmt.Errorf("the value on standard input is longer than %d bytes", maxSecret)
	}
	return store.NewSecret(string(line)), nil
}

func trimReturn(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1]
	}
	return line
}

// noEcho is how long a terminal is given to stop showing what is typed; one that
// did not show it before looks as if it never did.
const noEcho = 200 * time.Millisecond

// readTerminal asks at a terminal. When ctx ends first, the terminal is put
// back as it was and a read stays behind that takes the next line; the process
// is about to end then.
func readTerminal(ctx context.Context, in, out *os.File, prompt string) (store.Secret, error) {
	fd := int(in.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return store.Secret{}, fmt.Errorf("preparing the terminal: %w", err)
	}
	if ctx.Err() != nil {
		return store.Secret{}, context.Cause(ctx)
	}
	type result struct {
		line []byte
		err  error
	}
	read := make(chan result, 1)
	go func() {
		line, err := term.ReadPassword(fd)
		read <- result{line, err}
	}()
	// The question is shown once what is typed is not: a value may come fast.
	for until := time.Now().Add(noEcho); time.Now().Before(until); time.Sleep(time.Millisecond) {
		if now, err := term.GetState(fd); err != nil || !reflect.DeepEqual(now, before) {
			break
		}
	}
	fmt.Fprint(out, printable(prompt))
	var r result
	select {
	case r = <-read:
	case <-ctx.Done():
		_ = term.Restore(fd, before)
		fmt.Fprintln(out)
		return store.Secret{}, context.Cause(ctx)
	}
	fmt.Fprintln(out)
	if errors.Is(r.err, io.EOF) {
		return store.Secret{}, ErrNoInput
	}
	if r.err != nil {
		return store.Secret{}, fmt.Errorf("reading from the terminal: %w", r.err)
	}
	if longest := longestLine(); len(r.line) >= longest {
		return store.Secret{}, fmt.Errorf("the terminal cuts a line after %d bytes. Give the value through standard input instead, from a file or a pipe", longest)
	}
	return store.NewSecret(string(r.line)), nil
}

// longestLine is how many bytes of one line a terminal hands on; what is
// longer it cuts without a word.
func longestLine() int {
	if runtime.GOOS == "darwin" {
		return 1023
	}
	return 4095
}

// printable replaces what could move the cursor or change the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) || r == '\n' {
			return r
		}
		return utf8.RuneError
	}, s)
}
