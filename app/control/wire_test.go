package control

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

func TestFrames(t *testing.T) {
	t.Parallel()
	var data []byte
	payloads := [][]byte{nil, {1}, bytes.Repeat([]byte("ab"), maxChunk/2), nil, bytes.Repeat([]byte{7}, maxPayload), {2}}
	w := &frameWriter{w: writerFunc(func(p []byte) (int, error) { data = append(data, p...); return len(p), nil })}
	for _, p := range payloads {
		if err := w.send(kindStart, p); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.send(kindStart, make([]byte, maxPayload+1)); err == nil {
		t.Error("a frame that is too long was written")
	}
	if err := w.sendLast(kindExit, exitPayload(1)); err != nil {
		t.Fatal(err)
	}
	if err := w.send(kindStart, nil); !errors.Is(err, errFinished) {
		t.Errorf("after the last frame: %v", err)
	}
	for name, r := range map[string]io.Reader{"at once": bytes.NewReader(data), "halves": iotest.HalfReader(bytes.NewReader(data))} {
		f := newFrameReader(r)
		for i, want := range payloads {
			k, got, err := f.next(wantStart)
			if err != nil || k != kindStart || !bytes.Equal(got, want) {
				t.Fatalf("%s: frame %d is %q with %d bytes, %v", name, i, byte(k), len(got), err)
			}
		}
		if cap(f.payload) > 4*maxChunk {
			t.Errorf("%s: %d bytes are kept after a long frame", name, cap(f.payload))
		}
		if k, got, err := f.next(fromOwner); err != nil || k != kindExit || !bytes.Equal(got, exitPayload(1)) {
			t.Errorf("%s: the exit is %q %v, %v", name, byte(k), got, err)
		}
		if _, _, err := f.next(wantStart); err != io.EOF {
			t.Errorf("%s: at the end: %v", name, err)
		}
	}
	for cut := 1; cut < headerSize+3; cut++ {
		_, _, err := newFrameReader(bytes.NewReader(appendFrame(nil, kindStart, []byte("abc"))[:cut])).next(wantStart)
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut after %d bytes: %v", cut, err)
		}
	}
	if _, _, err := newFrameReader(bytes.NewReader(data)).next(fromOwner); !errors.Is(err, errProtocol) {
		t.Errorf("a frame of the wrong kind: %v", err)
	}
}

// A length that promises much costs nothing until the bytes are there.
func TestPromisedLength(t *testing.T) {
	t.Parallel()
	f := newFrameReader(bytes.NewReader([]byte{byte(kindStart), 0, 0x10, 0, 0, 'x'}))
	if _, _, err := f.next(wantStart); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
	if cap(f.payload) > 2*maxChunk {
		t.Errorf("%d bytes were made ready for one", cap(f.payload))
	}
}

func TestFrameWriterFailsForGood(t *testing.T) {
	t.Parallel()
	calls := 0
	w := &frameWriter{w: writerFunc(func(p []byte) (int, error) { calls++; return 3, io.ErrShortWrite })}
	for range 3 {
		if n, err := (streamWriter{w, kindOutput}).Write([]byte("hello")); n != 0 || !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("wrote %d, %v", n, err)
		}
	}
	if calls != 1 {
		t.Errorf("%d writes after half a frame, want none", calls-1)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// Whatever comes, the reader takes frames within their limits, byte for byte,
// until it says why not.
func FuzzFrameReader(f *testing.F) {
	f.Add([]byte{}, uint8(0))
	f.Add(appendFrame(appendFrame(nil, kindInput, []byte("abc")), kindCancel, nil), uint8(0))
	f.Add(appendFrame(appendFrame(nil, kindWant, putUint32(9)), kindExit, exitPayload(-1)), uint8(1))
	f.Add([]byte("o\xff\xff\xff\xff"), uint8(1))
	f.Add(appendFrame(nil, kindHello, []byte(`{"protocol":1}`)), uint8(2))
	f.Add(appendFrame(nil, kindStart, bytes.Repeat([]byte("x"), 3*maxChunk)), uint8(3))
	f.Fuzz(func(t *testing.T, data []byte, side uint8) {
		expect := []limits{fromClient, fromOwner, wantHello, wantStart, wantWelcome}[side%5]
		frames := newFrameReader(iotest.HalfReader(bytes.NewReader(data)))
		var again []byte
		for {
			k, payload, err := frames.next(expect)
			if err != nil {
				if errors.Is(err, io.EOF) && len(again) != len(data) {
					t.Errorf("a clean end after %d of %d bytes", len(again), len(data))
				}
				break
			}
			if limit, ok := expect[k]; !ok || len(payload) > limit {
				t.Fatalf("kind %q with %d bytes", byte(k), len(payload))
			}
			again = appendFrame(again, k, payload)
		}
		if !bytes.HasPrefix(data, again) {
			t.Error("the frames are not what came")
		}
	})
}
