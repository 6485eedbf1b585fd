// Package say has the texts of the window in the language of the person.
//
// A text is written in English where it is shown, and that English is its key
// in the translations, which lie in assets/translations and go through Fyne's
// lang. What a person reads is one message with holes, never glued from
// fragments, since other languages order words otherwise; a count has its
// forms:
//
//	form.Button(say.T("Save"), save)
//	form.Label(say.F("“%s” asks you something.", name))
//	form.Muted(say.N(n, "%d tool", "%d tools", n))
//
// A translation may take the holes in another order, as %[2]s. English costs no
// look-up. The command line, logs, what servers and models say, and the
// sentences of errors from below the window stay as they are.
//
// Everything here may be called on any goroutine.
package say

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/drawbridge-app/drawbridge/assets"
)

// foreign says that the window speaks another language than English. The
// language of a process never changes, as with Fyne's own texts.
var foreign = load(string(lang.SystemLocale()))

// Pseudo is the locale, as in LC_ALL=art, whose language is made of the English
// one: accented, longer and in brackets, to see what a translation would do to
// the window. "art" is how ISO 639-2 writes languages that were made up.
const Pseudo = "art"

// Foreign reports whether the window speaks another language than English.
func Foreign() bool { return foreign }

// load hands the translation for a locale, such as pt-BR, to lang, and reports
// whether there is one. Without one the window speaks English.
func load(locale string) bool {
	language, _, _ := strings.Cut(locale, "-")
	var data []byte
	switch language {
	case "en":
		return false
	case Pseudo:
		var err error
		if data, err = pseudo(assets.Translation("en")); err != nil {
			fyne.LogError("the texts cannot be made longer", err)
			return false
		}
	default:
		if data = assets.Translation(language); data == nil {
			return false
		}
	}
	if err := lang.AddTranslationsForLocale(data, fyne.Locale(language)); err != nil {
		fyne.LogError("the translation "+language+".json cannot be read; the window speaks English", err)
		return false
	}
	// A person may prefer a variant that Fyne has, and this program has not.
	return lang.X(nameKey, "") == language
}

// nameKey is the message of a translation that names its language.
const nameKey = "the language of this file"

// T returns a text.
func T(text string) string {
	if !foreign {
		return text
	}
	return lang.X(Key(text), text)
}

// F returns a text with its holes filled as fmt.Sprintf does.
func F(format string, args ...any) string {
	if foreign {
		format := lang.X(Key(format), format)
		return fmt.Sprintf(format, args...)
	}
	return fmt.Sprintf(format, args...)
}

// N returns the form of a text for n things, with its holes filled. In English
// that is one for 1 and other for all else, both with the same holes; other
// languages have the forms that they need, by the key of other.
func N(n int, one, other string, args ...any) string {
	if foreign {
		format := lang.XN(Key(other), other, n)
		return fmt.Sprintf(format, args...)
	}
	if n == 1 {
		return fmt.Sprintf(one, args...)
	}
	return fmt.Sprintf(other, args...)
}

// Date writes a time by a layout of package time. Other languages have a layout of
// their own for it, in their order and with their clock: by the key "date: " and the
// English one. Its months, and AM and PM, are words.
func Date(t time.Time, layout string) string {
	if !foreign {
		return t.Format(layout)
	}
	return dated(t, lang.X(dateKey+layout, layout), months, shortMonths, halves)
}

// dateKey begins the keys of layouts, which else could be those of a month.
const dateKey = "date: "

// dated writes a time by a layout, with these words.
func dated(t time.Time, layout string, months, short, halves func() []string) string {
	var b strings.Builder
	for layout != "" {
		at := len(layout)
		word, of, n := "", months, 0
		for _, w := range []struct {
			word string
			of   func() []string
			n    int
		}{{"January", months, int(t.Month() - 1)}, {"Jan", short, int(t.Month() - 1)}, {"PM", halves, t.Hour() / 12}} {
			if i := strings.Index(layout, w.word); i >= 0 && i < at {
				at, word, of, n = i, w.word, w.of, w.n
			}
		}
		b.WriteString(t.Format(layout[:at]))
		if word != "" {
			b.WriteString(of()[n])
		}
		layout = layout[at+len(word):]
	}
	return b.String()
}

func months() []string {
	return []string{T("January"), T("February"), T("March"), T("April"), T("May"), T("June"), T("July"),
		T("August"), T("September"), T("October"), T("November"), T("December")}
}

func shortMonths() []string {
	return []string{T("Jan"), T("Feb"), T("Mar"), T("Apr"), T("May"), T("Jun"), T("Jul"), T("Aug"), T("Sep"), T("Oct"), T("Nov"), T("Dec")}
}

func halves() []string { return []string{T("AM"), T("PM")} }

// Key is the key of an English text in the translations: the text itself,
// except for the few words that mean something in such a file.
func Key(text string) string {
	switch strings.ToLower(text) {
	case "id", "description", "hash", "leftdelim", "rightdelim", "zero", "one", "two", "few", "many", "other", "translation":
		return "word: " + text
	}
	return text
}

// pseudo makes of the English texts a translation that is about two fifths
// longer. What is between its brackets went through lang.
func pseudo(english []byte) ([]byte, error) {
	var all map[string]any
	if err := json.Unmarshal(english, &all); err != nil {
		return nil, err
	}
	for key, v := range all {
		if strings.HasPrefix(key, dateKey) {
			continue
		}
		switch v := v.(type) {
		case string:
			all[key] = longer(v)
		case map[string]any:
			for form, text := range v {
				if text, ok := text.(string); ok {
					v[form] = longer(text)
				}
			}
		}
	}
	all[nameKey] = Pseudo
	return json.Marshal(all)
}

// longer accents the letters of a text, doubles its vowels and brackets it. The
// holes stay.
func longer(text string) string {
	accents := strings.NewReplacer(
		"a", "åå", "e", "éé", "i", "îî", "o", "öö", "u", "ûû", "A", "ÅÅ", "E", "ÉÉ", "I", "ÎÎ", "O", "ÖÖ", "U", "ÛÛ",
		"c", "ç", "n", "ñ", "s", "š", "y", "ÿ", "z", "ž", "C", "Ç", "N", "Ñ", "S", "Š", "Y", "Ý", "Z", "Ž", "r", "ŕ", "l", "ļ", "t", "ţ")
	var b strings.Builder
	b.WriteString("⁅")
	for text != "" {
		before, hole, found := strings.Cut(text, "%")
		b.WriteString(accents.Replace(before))
		if !found {
			break
		}
		end := strings.IndexFunc(hole, func(r rune) bool { return strings.ContainsRune("%vTtbcdoOqxXUeEfFgGsp", r) }) + 1
		b.WriteString("%" + hole[:end])
		text = hole[end:]
	}
	b.WriteString("⁆")
	return b.String()
}
