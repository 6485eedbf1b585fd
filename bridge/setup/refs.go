package setup

import (
	"path/filepath"
	"regexp"
	"strings"
)

// A file may leave holes in a value. What a variable of the environment fills
// stays a reference, ${env:NAME}, which is resolved at each start; what only
// the person can say becomes a Field of the draft.

var (
	braced      = regexp.MustCompile(`\$\{([^{}\x00-\x1f]{1,600})\}`)
	continued   = regexp.MustCompile(`\$\{\{\s*(?:secrets|inputs)\.([A-Za-z_][A-Za-z0-9_./-]{0,200})\s*\}\}`)
	envRef      = regexp.MustCompile(`^env:([A-Za-z_][A-Za-z0-9_]{0,199})(?::-(.{0,600}))?$`)
	varName     = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_]{0,199})(?::-(.{0,600}))?$`)
	shouted     = regexp.MustCompile(`^([A-Z_][A-Z0-9_]{0,199})(?::-(.{0,600}))?$`)
	wholeDollar = regexp.MustCompile(`^\$([A-Z_][A-Z0-9_]{0,199})$`)
	dollarName  = regexp.MustCompile(`\$([A-Za-z_][A-Za-z0-9_]{0,199})`)
	percentName = regexp.MustCompile(`%([A-Za-z_][A-Za-z0-9_]{0,199})%`)
	osEnviron   = regexp.MustCompile(`^os\.environ/([A-Za-z_][A-Za-z0-9_]{0,199})$`)
)

// holes rewrites the references of one entry.
type holes struct {
	shape  shape
	inputs map[string]input
	places Places
	fields []Field
}

// text rewrites one value. whole says that it is a variable's or a header's
// value, in which "$NAME" alone is a reference and not text.
func (h *holes) text(s string, whole bool) string {
	if m := osEnviron.FindStringSubmatch(s); m != nil {
		return "${env:" + m[1] + "}"
	}
	s = continued.ReplaceAllStringFunc(s, func(all string) string {
		name := continued.FindStringSubmatch(all)[1]
		name = name[strings.LastIndexByte(name, '/')+1:]
		return h.ask(Field{Key: name, Title: name, Secret: true, Required: true})
	})
	if m := wholeDollar.FindStringSubmatch(s); m != nil && whole {
		return "${env:" + m[1] + "}"
	}
	var b strings.Builder
	last := 0
	between := func(s string) string { // what is no ${…}
		if h.shape.dollar {
			s = dollarName.ReplaceAllString(s, "${env:$1}")
		}
		if h.shape.percent {
			s = percentName.ReplaceAllString(s, "${env:$1}")
		}
		return s
	}
	for _, loc := range braced.FindAllStringSubmatchIndex(s, -1) {
		b.WriteString(between(s[last:loc[0]]))
		b.WriteString(h.hole(s[loc[0]:loc[1]], s[loc[2]:loc[3]]))
		last = loc[1]
	}
	b.WriteString(between(s[last:]))
	return b.String()
}

// hole rewrites ${inner}.
func (h *holes) hole(all, inner string) string {
	switch {
	case strings.HasPrefix(inner, "ask:"):
		return all // ours, and already there
	case envRef.MatchString(inner):
		return all
	case strings.HasPrefix(inner, "input:"):
		return h.input(strings.TrimPrefix(inner, "input:"))
	case inner == "userHome":
		if h.places.Home != "" {
			return h.places.Home
		}
		return "${env:HOME}"
	case inner == "workspaceFolder", inner == "workspaceRoot", strings.HasPrefix(inner, "workspaceFolder:"):
		return h.ask(Field{Key: "folder", Title: "Project folder", Description: "The file means the folder of the project that is open in the other app.", Kind: KindFolder, Required: true})
	case inner == "workspaceFolderBasename":
		return h.ask(Field{Key: "project", Title: "Name of the project's folder", Required: true})
	case inner == "pathSeparator", inner == "/":
		return string(filepath.Separator)
	}
	names := shouted
	if h.shape.braces {
		names = varName
	}
	if m := names.FindStringSubmatch(inner); m != nil {
		if !strings.Contains(inner, ":-") {
			return "${env:" + m[1] + "}"
		}
		return "${env:" + m[1] + ":-" + m[2] + "}"
	}
	return all
}

// input asks for what VS Code would ask for.
func (h *holes) input(id string) string {
	in, known := h.inputs[id]
	f := Field{Key: id, Title: in.Description, Required: true, Secret: in.Password || !known && LikelySecret(id, "x")}
	if f.Title == "" {
		f.Title = id
	}
	if !f.Secret {
		f.Default = oneDefault(in.Default)
	}
	if in.Type == "pickString" {
		f.Kind, f.Options = KindChoice, in.Options
	}
	return h.ask(f)
}

// ask adds a field, once for each key, and returns the mark of its place.
func (h *holes) ask(f Field) string {
	f.Key = fieldKey(f.Key)
	for _, have := range h.fields {
		if have.Key == f.Key {
			return have.hole()
		}
	}
	h.fields = append(h.fields, f)
	return f.hole()
}
