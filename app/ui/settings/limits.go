package settings

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/store"
)

// limitNumbers are the columns beside the model's name.
var limitNumbers = [...]string{say.T("Context"), say.T("Answer"), say.T("Input $"), say.T("Cached $"), say.T("Output $")}

// limitRows is the part of the form in which a person says what models take
// and cost, where the provider and the table of models do not know.
type limitRows struct {
	Box  *fyne.Container
	head *fyne.Container
	list *fyne.Container
	fail *form.Words
	rows []*limitRow
}

type limitRow struct {
	box     *fyne.Container
	model   *form.Entry
	numbers [len(limitNumbers)]*form.Entry
}

func newLimitRows() *limitRows {
	l := &limitRows{list: form.Column(), fail: form.Failure("")}
	names := []fyne.CanvasObject{form.MutedLine(say.T("Model"), fyne.TextStyle{})}
	for _, n := range limitNumbers {
		names = append(names, form.Muted(n))
	}
	l.head = l.columns(names, form.Quiet("", theme.ContentRemoveIcon(), nil))
	l.head.Hide()
	add := form.Quiet(say.T("Add model"), theme.ContentAddIcon(), func() {
		r := l.add("", store.ModelLimits{})
		form.FocusAdded(l.list, r.box, r.model)
	})
	l.Box = container.New(layout.NewCustomPaddedVBoxLayout(2),
		form.Caption(say.T("What models take and cost")),
		form.Muted(say.T("Only where the numbers shown for a model are wrong or missing: tokens of a request with its answer, tokens of an answer, and US dollars for a million tokens.")),
		l.head, l.list, l.fail, container.NewHBox(add))
	return l
}

// columns lays out a row. The last object is the button at its end; in the head
// it only takes the room.
func (l *limitRows) columns(cells []fyne.CanvasObject, end *form.Action) *fyne.Container {
	var right fyne.CanvasObject = end
	if end.OnTapped == nil {
		right = form.Sized(end.MinSize().Width, 0, layout.NewSpacer())
	}
	return container.NewBorder(nil, nil, nil, right, container.New(&limitLayout{}, cells...))
}

func (l *limitRows) set(models map[string]store.ModelLimits) {
	l.rows = nil
	l.list.RemoveAll()
	l.head.Hide()
	for _, name := range slices.Sorted(maps.Keys(models)) {
		l.add(name, models[name])
	}
}

func (l *limitRows) add(name string, m store.ModelLimits) *limitRow {
	r := &limitRow{model: form.NewEntry(say.T("Limits: model"), say.T("model"))}
	r.model.SetText(name)
	cells := []fyne.CanvasObject{r.model}
	texts := [len(limitNumbers)]string{whole(m.Context), whole(m.MaxOutput), amount(m.Input), amount(m.Cached), amount(m.Output)}
	for i, n := range limitNumbers {
		r.numbers[i] = form.NewEntry(say.F("Limits: %s", n), "")
		r.numbers[i].SetText(texts[i])
		r.numbers[i].OnChanged = func(string) { l.setError("") }
		cells = append(cells, r.numbers[i])
	}
	r.model.OnChanged = func(string) { l.setError("") }
	remove := form.Quiet("", theme.ContentRemoveIcon(), func() {
		l.rows = slices.DeleteFunc(l.rows, func(o *limitRow) bool { return o == r })
		l.list.Remove(r.box)
		if len(l.rows) == 0 {
			l.head.Hide()
		}
		form.Relayout(l.Box)
	})
	remove.Name = say.T("Remove this model")
	r.box = l.columns(cells, remove)
	l.rows = append(l.rows, r)
	l.list.Add(r.box)
	l.head.Show()
	form.Relayout(l.Box)
	return r
}

func (l *limitRows) setError(sentence string) {
	if l.fail.Text != sentence {
		form.SetFailure(l.fail, sentence)
		form.Relayout(l.Box)
	}
}

// read takes the rows; where something is wrong it says so below them. Rows
// without any number are left out.
func (l *limitRows) read() (map[string]store.ModelLimits, bool) {
	l.setError("")
	out := map[string]store.ModelLimits{}
	for _, r := range l.rows {
		name := strings.TrimSpace(r.model.Text)
		var m store.ModelLimits
		for i, e := range r.numbers {
			text := strings.TrimSpace(e.Text)
			if text == "" {
				continue
			}
			ok := false
			switch i {
			case 0:
				m.Context, ok = readTokens(text)
			case 1:
				m.MaxOutput, ok = readTokens(text)
			case 2:
				m.Input, ok = readPrice(text)
			case 3:
				m.Cached, ok = readPrice(text)
			case 4:
				m.Output, ok = readPrice(text)
			}
			if !ok {
				fault := say.F("“%s” under %s is no number. Type one such as 0.25.", form.Visible(cut(text, 40), false), limitNumbers[i])
				if i < 2 {
					fault = say.F("“%s” under %s is no number. Type one such as 200000 or 200K.", form.Visible(cut(text, 40), false), limitNumbers[i])
				}
				l.setError(fault)
				return nil, false
			}
		}
		_, twice := out[name]
		switch {
		case m == store.ModelLimits{}:
			continue
		case name == "":
			l.setError(say.T("Numbers have no model. Type the model's name as the provider writes it, or remove the row."))
			return nil, false
		case twice:
			l.setError(say.F("The model %s is there twice. Remove one of the rows.", form.Visible(cut(name, 60), false)))
			return nil, false
		}
		out[name] = m
	}
	if len(out) == 0 {
		return nil, true
	}
	return out, true
}

// maxTokens bounds a number of tokens that a person may type.
const maxTokens = 1e12

// readTokens reads a number of tokens: 200000, 200,000, 200K or 1.05M.
func readTokens(text string) (int64, bool) {
	text = strings.ToUpper(strings.NewReplacer(",", "", " ", "", "_", "", "\u00a0", "", "\u202f", "").Replace(text))
	unit := 1.0
	if t, ok := strings.CutSuffix(text, "K"); ok {
		text, unit = t, 1e3
	} else if t, ok := strings.CutSuffix(text, "M"); ok {
		text, unit = t, 1e6
	}
	v, err := strconv.ParseFloat(text, 64)
	v *= unit
	n := math.Round(v)
	if err != nil || !(v >= 0 && v <= maxTokens) || math.Abs(v-n) > 1e-3 {
		return 0, false
	}
	return int64(n), true
}

// readPrice reads US dollars, with a point or a comma.
func readPrice(text string) (float64, bool) {
	text = strings.TrimSpace(strings.TrimPrefix(text, "$"))
	v, err := strconv.ParseFloat(strings.Replace(text, ",", ".", 1), 64)
	return v, err == nil && v >= 0 && v <= 1e6
}

func whole(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

func amount(v float64) string {
	if v == 0 {
		return ""
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// limitLayout gives numbers one width, and the model's name the rest of the line, or
// a line of its own where there is no room for both. It knows the width that it was
// given last, since how high it is depends on it.
type limitLayout struct{ width float32 }

// leastModel is how much of a line a model's name has.
const leastModel float32 = 120

// leastCell is how narrow a column of numbers may be; its heading is wrapped then.
const leastCell float32 = 82

// limitCell is how wide a column of numbers is: as its heading has it.
func limitCell() float32 {
	w := leastCell
	for _, n := range limitNumbers {
		w = max(w, fyne.MeasureText(n, theme.TextSize(), fyne.TextStyle{}).Width+2*theme.InnerPadding()+2)
	}
	return w
}

func (l *limitLayout) fits(numbers int) bool {
	return l.width <= 0 || leastModel+float32(numbers)*(limitCell()+form.Gap) <= l.width
}

func (l *limitLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	l.width = size.Width
	name, numbers := objects[0], objects[1:]
	n := float32(len(numbers))
	cell := limitCell()
	x, y := size.Width-n*(cell+form.Gap)+form.Gap, float32(0)
	if l.fits(len(numbers)) {
		name.Resize(fyne.NewSize(x-form.Gap, size.Height))
	} else {
		y = name.MinSize().Height
		name.Resize(fyne.NewSize(size.Width, y))
		y += form.Gap / 2
		x, cell = 0, (size.Width-(n-1)*form.Gap)/n
	}
	name.Move(fyne.Position{})
	for _, o := range numbers {
		o.Move(fyne.NewPos(x, y))
		o.Resize(fyne.NewSize(cell, size.Height-y))
		x += cell + form.Gap
	}
}

func (l *limitLayout) MinSize(objects []fyne.CanvasObject) fyne.Size {
	name, numbers := objects[0], objects[1:]
	height := float32(0)
	for _, o := range numbers {
		height = max(height, o.MinSize().Height)
	}
	if l.fits(len(numbers)) {
		height = max(height, name.MinSize().Height)
	} else {
		height += name.MinSize().Height + form.Gap/2
	}
	return fyne.NewSize(float32(len(numbers))*(leastCell+form.Gap)-form.Gap, height)
}
