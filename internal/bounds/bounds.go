// Package bounds is for tests that hold what something costs against a bound.
// The race detector multiplies time and memory, so such a test holds its bound
// only where Race is false, and is named Test…Bounds: make bounds runs those once
// more without the detector.
//
//	func TestParserBounds(t *testing.T) {
//		began := bounds.Busy()
//		Parse(hostile)
//		if took := bounds.Busy() - began; took > time.Second && !bounds.Race {
//			t.Errorf("took %s", took)
//		}
//	}
//
// Only tests and their kits import it: what the program does depends on no such
// thing.
package bounds
