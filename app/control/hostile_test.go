package control

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Whatever stands in a connection, it is closed, and the others go on.
func TestHostileBytes(t *testing.T) {
	t.Parallel()
	const handshake = 300 * time.Millisecond
	home, owner := serve(t, Options{Handshake: handshake}, commands)

	// A command that runs all the while.
	var stdout buffer
	in, feed := io.Pipe()
	bystander := make(chan result, 1)
	go func() {
		bystander <- runClient(context.Background(), home, Options{}, func(s *Session) { s.Stdin, s.Stdout = in, &stdout }, "cat")
	}()

	hello := appendFrame(nil, kindHello, mustJSON(t, helloMessage{Protocol: protocolVersion}))
	begin := func(args string, dir string) []byte {
		return appendFrame(hello[:len(hello):len(hello)], kindStart, mustJSON(t, startMessage{Args: [][]byte{[]byte(args)}, Dir: []byte(dir)}))
	}
	waiting := begin("wait", os.TempDir())
	with := func(head []byte, k kind, payload ...byte) []byte {
		return appendFrame(head[:len(head):len(head)], k, payload)
	}
	size := func(k kind, n uint32) []byte { return binary.BigEndian.AppendUint32([]byte{byte(k)}, n) }
	tests := map[string][]byte{
		"nothing":             nil,
		"half a header":       []byte("h\x00"),
		"another protocol":    []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
		"zeros":               make([]byte, 1<<16),
		"a hello of 4 GiB":    size(kindHello, 1<<32-1),
		"a hello too long":    append(size(kindHello, maxText+1), make([]byte, maxText+1)...),
		"a hello cut short":   append(size(kindHello, maxText), '{'),
		"a hello no JSON":     appendFrame(nil, kindHello, []byte("hello")),
		"start before hello":  appendFrame(nil, kindStart, []byte("{}")),
		"hello twice":         append(hello[:len(hello):len(hello)], hello...),
		"hello alone":         hello,
		"another version":     appendFrame(nil, kindHello, []byte(`{"protocol":99}`)),
		"start too long":      append(hello[:len(hello):len(hello)], size(kindStart, maxPayload+1)...),
		"start no JSON":       with(hello, kindStart, []byte("[")...),
		"a relative folder":   begin("wait", "tmp"),
		"a folder with a NUL": begin("wait", "/tmp\x00"),
		"no folder":           begin("wait", ""),
		"unwanted input":      with(waiting, kindInput, 'x'),
		"unwanted end":        with(waiting, kindInputEnd),
		"too much input":      append(waiting[:len(waiting):len(waiting)], size(kindInput, maxChunk+1)...),
		"an answer cut short": with(waiting, kindAnswer, 0, 0, 0),
		"an answer to none":   with(with(waiting, kindAnswer, 0, 0, 0, 0, 0, 'x'), kindInput, 'x'),
		"a long cancel":       with(waiting, kindCancel, 1),
		"an owner's frame":    with(waiting, kindExit, 0, 0, 0, 0),
		"start twice":         append(waiting[:len(waiting):len(waiting)], waiting[len(hello):]...),
	}
	for name, data := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := knockAt(t, owner)
			_, _ = conn.Write(data) // it may be closed before all is written
			if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("the connection was not closed: %v", err)
			}
		})
	}
	t.Run("a hello that drips", func(t *testing.T) {
		t.Parallel()
		conn := knockAt(t, owner)
		began := time.Now()
		go func() {
			_, _ = conn.Write(size(kindHello, maxText))
			for range maxText - 1 {
				if _, err := conn.Write([]byte(" ")); err != nil {
					return
				}
				time.Sleep(handshake / 20)
			}
		}()
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the connection was not closed: %v", err)
		}
		if d := time.Since(began); d < handshake*9/10 {
			t.Errorf("closed after %v, before its time was over", d)
		}
	})
	// The subtests that are parallel run when this function returns.
	t.Cleanup(func() {
		if _, err := io.WriteString(feed, "still here"); err != nil {
			t.Error(err)
		}
		_ = feed.Close()
		if r := <-bystander; r.code != 0 || r.err != nil || stdout.String() != "still here" {
			t.Errorf("the command that ran all the while: %+v, %q", r, stdout.String())
		}
	})
}

// A command that wants ten bytes is not given eleven.
func TestMoreInputThanWanted(t *testing.T) {
	t.Parallel()
	read := make(chan error, 1)
	_, owner := serve(t, Options{}, func(_ context.Context, s *Session) int {
		_, err := s.Stdin.Read(make([]byte, 10))
		read <- err
		return 0
	})
	conn := knockAt(t, owner)
	greetAsClient(t, conn, "x")
	frames := newFrameReader(conn)
	if k, payload, err := frames.next(limits{kindWelcome: maxText}); err != nil {
		t.Fatal(k, payload, err)
	}
	_, payload, err := frames.next(limits{kindWant: 4})
	if n, _, _ := takeUint32(payload); err != nil || n != 10 {
		t.Fatalf("wanted %d bytes (%v), want 10", n, err)
	}
	if _, err := conn.Write(appendFrame(nil, kindInput, make([]byte, 11))); err != nil {
		t.Fatal(err)
	}
	if err := <-read; !errors.Is(err, ErrClientGone) {
		t.Errorf("the command read: %v", err)
	}
}

// Connections that only wait do not keep commands out, and too many of them
// are closed.
func TestManyIdleConnections(t *testing.T) {
	t.Parallel()
	opts := Options{MaxSessions: 4, Handshake: 200 * time.Millisecond}
	home, owner := serve(t, opts, commands)
	for range 3 * opts.MaxSessions {
		knockAt(t, owner)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, client, err := Join(ctx, home, opts)
	if err != nil {
		t.Fatal(err)
	}
	if code, err := client.Run(ctx, &Session{Args: []string{"exit", "4"}, Dir: os.TempDir(), Stdin: strings.NewReader("")}); code != 4 || err != nil {
		t.Errorf("a command among idle connections: %d, %v", code, err)
	}
}

// One connection too many is closed at once, and those before it are not.
func TestTooManyConnections(t *testing.T) {
	t.Parallel()
	_, owner := serve(t, Options{MaxSessions: 1, Handshake: patience}, commands)
	first, second, third := knockAt(t, owner), knockAt(t, owner), knockAt(t, owner)
	if _, err := third.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the third connection: %v", err)
	}
	for i, conn := range []net.Conn{first, second} {
		if _, err := conn.Write(appendFrame(nil, kindHello, mustJSON(t, helloMessage{Protocol: 99}))); err != nil {
			t.Errorf("connection %d: %v", i, err)
		}
		if k, _, err := newFrameReader(conn).next(wantWelcome); k != kindWelcome || err != nil {
			t.Errorf("connection %d: %q, %v", i, byte(k), err)
		}
	}
}

// A client that says cancel and then reads nothing does not hold up the
// command's writes for ever.
func TestCancelWithoutReading(t *testing.T) {
	t.Parallel()
	var written atomic.Int64
	ended := make(chan error, 1)
	_, owner := serve(t, Options{Grace: 50 * time.Millisecond}, func(ctx context.Context, s *Session) int {
		for {
			n, err := s.Stdout.Write(make([]byte, maxChunk))
			written.Add(int64(n))
			if err != nil {
				ended <- context.Cause(ctx)
				return 0
			}
		}
	})
	conn := knockAt(t, owner)
	greetAsClient(t, conn, "x")
	eventually(t, "the command writes", func() bool { return written.Load() > 0 })
	if _, err := conn.Write(appendFrame(nil, kindCancel, nil)); err != nil {
		t.Fatal(err)
	}
	select {
	case cause := <-ended:
		if !errors.Is(cause, ErrInterrupted) {
			t.Errorf("cause %v", cause)
		}
	case <-time.After(patience):
		t.Error("the write did not end")
	}
}

// An owner that breaks the protocol gives the client an error, not a hang.
func TestHostileOwner(t *testing.T) {
	t.Parallel()
	welcome := appendFrame(nil, kindWelcome, mustJSON(t, welcomeMessage{Protocol: protocolVersion, PID: 1}))
	with := func(k kind, payload ...byte) []byte {
		return appendFrame(welcome[:len(welcome):len(welcome)], k, payload)
	}
	tests := map[string]struct {
		answer []byte
		want   error
	}{
		"nothing":        {nil, ErrNoOwner},
		"garbage":        {[]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), errProtocol},
		"no JSON":        {appendFrame(nil, kindWelcome, []byte("{")), errProtocol},
		"refusal":        {appendFrame(nil, kindRefuse, []byte("no\x1b[2J")), ErrRefused},
		"welcome twice":  {append(welcome[:len(welcome):len(welcome)], welcome...), ErrOwnerGone},
		"want too much":  {with(kindWant, 0xff, 0, 0, 0), ErrOwnerGone},
		"want nothing":   {with(kindWant, 0, 0, 0, 0), ErrOwnerGone},
		"short want":     {with(kindWant, 1), ErrOwnerGone},
		"wants at once":  {appendFrame(appendFrame(with(kindWant, 0, 0, 0, 1), kindWant, putUint32(1)), kindWant, putUint32(1)), ErrOwnerGone},
		"short question": {with(kindAsk, 1), ErrOwnerGone},
		"short exit":     {with(kindExit, 1), ErrOwnerGone},
		"long output":    {append(welcome[:len(welcome):len(welcome)], byte(kindOutput), 0xff, 0, 0, 0), ErrOwnerGone},
		"no exit":        {welcome, ErrOwnerGone},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			home := t.TempDir()
			resolved, err := resolve(home)
			if err != nil {
				t.Fatal(err)
			}
			ln, forget, err := listen(resolved)
			if err != nil {
				t.Fatal(err)
			}
			defer forget()
			defer ln.Close()
			go func() {
				conn, err := ln.Accept()
				if err != nil {
					return
				}
				defer conn.Close()
				frames := newFrameReader(conn)
				_, _, _ = frames.next(wantHello)
				_, _ = conn.Write(test.answer)
				if len(test.answer) > len(welcome) || name == "no exit" {
					_, _, _ = frames.next(wantStart)
				}
				if name == "wants at once" { // the client leaves by itself
					_ = conn.SetDeadline(time.Now().Add(patience))
					if _, _, err := frames.next(nil); errors.Is(err, os.ErrDeadlineExceeded) {
						t.Error("the client stayed")
					}
				}
			}()
			in, hold := io.Pipe()
			defer hold.Close()
			r := runClient(context.Background(), home, Options{}, func(s *Session) { s.Stdin = in }, "x")
			if !errors.Is(r.err, test.want) {
				t.Errorf("got %v, want %v", r.err, test.want)
			}
			if strings.ContainsRune(r.err.Error(), '\x1b') {
				t.Errorf("the error can change a terminal: %q", r.err.Error())
			}
		})
	}
}

// knockAt connects to an owner without saying a word.
func knockAt(t *testing.T, owner *Owner) net.Conn {
	t.Helper()
	conn, err := connect(context.Background(), owner.Home())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func greetAsClient(t *testing.T, conn net.Conn, arg string) {
	t.Helper()
	data := appendFrame(nil, kindHello, mustJSON(t, helloMessage{Protocol: protocolVersion}))
	data = appendFrame(data, kindStart, mustJSON(t, startMessage{Args: [][]byte{[]byte(arg)}, Dir: []byte(os.TempDir())}))
	if _, err := conn.Write(data); err != nil {
		t.Fatal(err)
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// knock is a program that connects, and prints what it is told.
func knock(path string) {
	conn, err := net.Dial("unix", path)
	if err != nil {
		fmt.Println("not connected:", err)
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, _ = conn.Write(appendFrame(nil, kindHello, []byte(`{"protocol":1}`)))
	k, _, err := newFrameReader(conn).next(wantWelcome)
	fmt.Printf("%q %v\n", byte(k), err != nil)
}
