package keys

import "testing"

// TestTable holds that no shortcut stands for two things, that each has a name,
// and that no two rows say the same.
func TestTable(t *testing.T) {
	bound, rows := map[string]ID{}, map[string]bool{}
	for _, k := range All() {
		if k.Title == "" || k.Group == "" || k.Label() == "" {
			t.Errorf("%+v says too little", k)
		}
		if k.ID == "" {
			if k.Name != "" || k.Text == "" {
				t.Errorf("%+v is bound by nobody", k)
			}
		} else if other, twice := bound[k.Label()]; twice {
			t.Errorf("%s is for %s and for %s", k.Label(), other, k.ID)
		} else if len(k.Name) != 1 {
			t.Errorf("a field with the focus would keep %s for itself", k.Label())
		}
		if k.ID != "" {
			bound[k.Label()] = k.ID
		}
		if row := k.Group + k.Title; rows[row] && !k.Again {
			t.Errorf("%q stands there twice", k.Title)
		} else {
			rows[row] = true
		}
	}
	if len(bound) < 15 || len(Bound()) != len(bound) {
		t.Errorf("%d shortcuts, %d bound", len(bound), len(Bound()))
	}
	if got := Label(Search); got != "Ctrl+Shift+F" && got != "⌘+Shift+F" {
		t.Errorf("the search has %q", got)
	}
	if Label("nothing") != "" || Title("nothing") != "" || Title(Quit) != "Quit" {
		t.Error("what is not there")
	}
}
