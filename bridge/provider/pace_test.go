package provider

import (
	"bytes"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

// drip gives one piece after each pause, and those that came meanwhile with it.
type drip struct {
	pause time.Duration
	piece []byte
	left  int
	next  time.Time
	reads int
}

func (d *drip) Read(p []byte) (n int, err error) {
	d.reads++
	if d.left == 0 {
		return 0, io.EOF
	}
	time.Sleep(time.Until(d.next))
	for ; d.left > 0 && !time.Now().Before(d.next) && n+len(d.piece) <= len(p); d.left-- {
		n += copy(p[n:], d.piece)
		d.next = d.next.Add(d.pause)
	}
	return n, nil
}

// TestPace reads streams of ten seconds and of a moment, by how often they are read
// and how late that ends.
func TestPace(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pause       time.Duration
		piece       int
		pieces      int
		least, most int // reads
	}{
		"many small pieces": {2 * time.Millisecond, 150, 5000, 550, 1150},
		"a short answer":    {2 * time.Millisecond, 150, 400, 400, 402},
		"a slow model":      {50 * time.Millisecond, 150, 200, 200, 202},
		"large pieces":      {2 * time.Millisecond, 4096, 5000, 5000, 5002},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				from := &drip{pause: c.pause, piece: bytes.Repeat([]byte("x"), c.piece), left: c.pieces, next: began}
				s := &source{r: from, alive: func() {}, maxTotal: 1 << 30, maxEvent: 1 << 30}
				n, room := 0, make([]byte, 4096)
				for !s.ended {
					got, err := s.Read(room)
					if err != nil {
						t.Fatal(err)
					}
					n += got
				}
				if want := c.piece * c.pieces; n < want || n > want+2 {
					t.Errorf("%d bytes of %d", n, want)
				}
				if from.reads < c.least || from.reads > c.most {
					t.Errorf("%d reads", from.reads)
				}
				if late := time.Since(began) - time.Duration(c.pieces-1)*c.pause; late > 2*paceApart {
					t.Errorf("it ended %v after the last piece", late)
				}
			})
		})
	}
}
