package provider

import "time"

// pace has a stream that has come in many small pieces for a while be read in fewer
// and larger ones. A model sends some hundred tokens a second, each in a piece of
// its own, and to wake up for each costs several times what it costs to take them;
// nobody sees a sixtieth of a second. A short answer is read as it comes, and so is
// one that comes faster than it is read.
type pace struct {
	began time.Time // of what is counted
	reads int       // since then
	small bool      // the last one found little
	slow  bool      // reads are apart
	last  time.Time
}

const (
	paceCounts = time.Second      // over which reads are counted
	paceApart  = time.Second / 60 // between two of them
	paceMany   = 50               // reads while it counts, from which they are
)

// before is called before a read.
func (p *pace) before() {
	if p.slow && p.small {
		time.Sleep(paceApart - time.Since(p.last))
	}
}

// after is called after a read, which had room for so many bytes and found n.
func (p *pace) after(n, room int) {
	p.last = time.Now()
	p.small = n < room/2
	if p.began.IsZero() {
		p.began = p.last
	}
	p.reads++
	if d := p.last.Sub(p.began); d >= paceCounts {
		p.slow = float64(p.reads) >= paceMany*d.Seconds()
		p.began, p.reads = p.last, 0
	}
}
