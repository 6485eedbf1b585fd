package servers

import (
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"

	"fyne.io/fyne/v2"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

// editor is the form of a server: a command with arguments, or a URL. It turns
// what was typed into a draft, and says beside a field what is wrong with it.
type editor struct {
	Box       *fyne.Container
	transport store.Transport
	name      *form.Field
	command   *form.Field
	args      *form.Field
	env       *form.Pairs
	dir       *form.Field
	address   *form.Field
	headers   *form.Pairs
	mode      *modeField
	// sections are the parts with a subject of their own, in order.
	sections []section

	// base is what was there before: its id stays, and so do the secrets that
	// nobody retyped.
	base setup.Draft
	// argsText is how the arguments of base were written into the field; while
	// the field is untouched they stay exactly as they are.
	argsText string
	taken    func(name string) bool
}

// newEditor returns an empty form. What it opens to choose files lies over the
// window.
func newEditor(w fyne.Window, transport store.Transport, taken func(string) bool) *editor {
	e := &editor{transport: transport, taken: taken}
	e.name = form.NewField(say.T("Name"), "files", say.T("How it is called here and in the names of its tools."))
	switch transport {
	case store.TransportHTTP, store.TransportSSE:
		e.address = form.NewField("URL", "https://example.com/mcp", say.T("The address of the server's Streamable HTTP endpoint."))
		e.headers = form.NewPairs(say.T("Headers"), say.T("Sent with every request. A value marked secret goes to the keychain."), say.T("Add header"), setup.LikelySecret)
		e.mode = newModeField()
		clear := e.address.Entry.OnChanged
		e.address.Entry.OnChanged = func(text string) { clear(text); e.mode.follow(text) }
		e.mode.follow("")
		e.Box = form.Groups(e.name.Box, e.address.Box)
		auth := newAuthSection()
		e.Box.Add(auth.object())
		e.Box.Add(e.headers.Box)
		e.Box.Add(e.mode.box)
		e.sections = append(e.sections, auth)
	default:
		e.command = form.NewField(say.T("Command"), "npx", say.T("The program that starts the server. npx, uvx and the like are found as in your terminal."))
		e.args = form.NewFieldOf(form.NewLines(say.T("Arguments"), "-y @modelcontextprotocol/server-everything", 3),
			say.T("On one line, with quotes as in a shell; or one argument a line, taken as it is."))
		e.env = form.NewPairs(say.T("Environment"), say.T("Variables that the server gets. A value marked secret goes to the keychain."), say.T("Add variable"), setup.LikelySecret)
		e.dir = form.NewField(say.T("Folder"), say.T("your home folder"), say.T("Where the program runs. Leave it empty for your home folder."))
		e.Box = form.Groups(e.name.Box, e.command.Box, e.args.Box, e.env.Box, e.dir.Box)
	}
	m := newMore(moreSections(w, transport))
	e.sections = append(e.sections, m)
	e.Box.Add(m.object())
	return e
}

// fill shows a draft. keptWords says where the secrets are that have no value
// here.
func (e *editor) fill(d setup.Draft, keptWords string) {
	e.base = d
	c := d.Config
	e.name.SetText(c.Name)
	switch e.transport {
	case store.TransportHTTP, store.TransportSSE:
		e.address.SetText(c.URL)
		e.headers.SetKeptWords(keptWords)
		e.headers.Set(pairsOf(c.Headers))
		e.mode.on.Set(c.Managed)
		e.mode.follow(c.URL)
	default:
		e.command.SetText(c.Command)
		e.argsText = writeArgs(c.Args)
		e.args.SetText(e.argsText)
		e.env.SetKeptWords(keptWords)
		e.env.Set(pairsOf(c.Env))
		e.dir.SetText(c.Dir)
	}
	for _, s := range e.sections {
		s.fill(c, keptWords)
	}
}

func pairsOf(values map[string]store.Value) []form.Pair {
	var out []form.Pair
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if v := values[name]; v.Secret() {
			out = append(out, form.Pair{Name: name, Secret: true, Kept: true})
		} else {
			out = append(out, form.Pair{Name: name, Value: string(v)})
		}
	}
	return out
}

// writeArgs writes arguments so that a person reads them easily.
func writeArgs(args []string) string {
	plain := !slices.ContainsFunc(args, func(a string) bool {
		return strings.TrimSpace(a) != a || a == "" || strings.ContainsAny(a, "\n\r")
	})
	if plain && len(args) > 1 {
		return strings.Join(args, "\n")
	}
	return setup.Join(args...)
}

// readArgs takes the field apart: one line as a shell does, several as one
// argument each.
func readArgs(text string) ([]string, error) {
	text = strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
	if !strings.Contains(text, "\n") {
		return setup.Split(text)
	}
	var out []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out, nil
}

// draft reads the form. Where something is wrong it says so beside the field
// and returns false.
func (e *editor) draft() (setup.Draft, bool) {
	for _, f := range []*form.Field{e.name, e.command, e.args, e.dir, e.address} {
		if f != nil {
			f.SetError("")
		}
	}
	// What the form does not show stays as it is.
	d := setup.Draft{Config: e.base.Config.Clone(), Secrets: map[store.SecretRef]store.Secret{}}
	c := &d.Config
	c.Transport = e.transport
	ok := true
	wrong := func(f *form.Field, sentence string) { f.SetError(sentence); ok = false }

	if e.transport.OverHTTP() {
		c.URL = strings.TrimSpace(e.address.Text())
		c.Managed = e.mode.on.Checked
		if u, err := url.Parse(c.URL); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			wrong(e.address, say.T("This is no address. It should look like https://example.com/mcp."))
		} else if u.User != nil {
			wrong(e.address, say.T("The address contains a user name or password. Put it into a header that is marked secret."))
		} else if m := bridge.ManagedOf(*c); c.Managed && !m.Can {
			wrong(e.address, say.F("No provider can connect to this address. %s Turn that off, or use another address.", m.Why))
		}
	} else {
		c.Command, c.Dir = strings.TrimSpace(e.command.Text()), strings.TrimSpace(e.dir.Text())
		if text := e.args.Text(); text == e.argsText && e.base.Config.Args != nil {
			c.Args = slices.Clone(e.base.Config.Args)
		} else if args, err := readArgs(text); err != nil {
			wrong(e.args, form.Sentence(err))
		} else {
			c.Args = args
		}
		if c.Command == "" {
			wrong(e.command, say.T("The command is missing. Type the program that starts the server, for example npx."))
		}
		e.takeLineApart(c)
	}
	c.Name = strings.TrimSpace(e.name.Text())
	if c.Name == "" && e.base.Config.Name == "" {
		c.Name = suggestName(*c)
		e.name.SetText(c.Name)
	}
	switch {
	case c.Name == "":
		wrong(e.name, say.T("Give it a name, for example files."))
	case e.taken(c.Name):
		wrong(e.name, say.T("There is a server of this name already. Choose another."))
	}
	c.ID = e.base.Config.ID
	if c.ID == "" {
		c.ID = c.Name
	}
	if e.transport.OverHTTP() {
		c.Headers, ok = readPairs(&d, e.headers, "header", e.base.Config.Headers, ok)
	} else {
		c.Env, ok = readPairs(&d, e.env, "env", e.base.Config.Env, ok)
	}
	for _, s := range e.sections {
		ok = s.read(&d) && ok
	}
	if !ok {
		return d, false
	}
	for _, ref := range c.Refs() { // values that came with the draft and stay
		if s, typed := e.base.Secrets[ref]; typed {
			if _, again := d.Secrets[ref]; !again {
				d.Secrets[ref] = s
			}
		}
	}
	if err := c.Validate(); err != nil {
		wrong(e.name, form.Sentence(err))
		return d, false
	}
	return d, true
}

// takeLineApart handles a whole command line that was typed or pasted into the
// field of the command. A program whose path has spaces is left alone.
func (e *editor) takeLineApart(c *store.ServerConfig) {
	if len(c.Args) > 0 || !strings.ContainsAny(c.Command, " \t") {
		return
	}
	words, err := setup.Split(c.Command)
	if err != nil || len(words) < 2 || strings.ContainsAny(words[0], `/\`) {
		return
	}
	c.Command, c.Args = words[0], words[1:]
	e.command.SetText(c.Command)
	e.args.SetText(writeArgs(c.Args))
}

// readPairs reads names and values; secrets go into the draft's Secrets, and one
// that is kept stays the reference that it was.
func readPairs(d *setup.Draft, from *form.Pairs, kind string, before map[string]store.Value, ok bool) (map[string]store.Value, bool) {
	from.SetError("")
	out := map[string]store.Value{}
	for _, p := range from.Pairs() {
		name := strings.TrimSpace(p.Name)
		_, twice := out[name]
		switch {
		case name == "":
			from.SetError(say.T("A value has no name. Type its name, or remove the row."))
			return nil, false
		case twice:
			from.SetError(say.F("The name %s is there twice.", name))
			return nil, false
		case p.Kept && before[name].Secret():
			out[name] = before[name]
		case p.Secret && p.Value == "":
			from.SetError(say.F("Type the value of %s.", name))
			return nil, false
		case p.Secret:
			ref := store.ServerSecret(d.Config.ID, kind, name)
			d.Secrets[ref] = store.NewSecret(p.Value)
			out[name] = store.RefTo(ref)
		case store.Value(p.Value).Secret():
			from.SetError(say.F("%s refers to a secret by name. Type the value itself and mark it secret.", name))
			return nil, false
		default:
			out[name] = store.Value(p.Value)
		}
	}
	if len(out) == 0 {
		return nil, ok
	}
	return out, ok
}

// suggestName takes a name from the package or address, or "".
func suggestName(c store.ServerConfig) string {
	name := ""
	if c.Transport.OverHTTP() {
		if u, err := url.Parse(c.URL); err == nil {
			name = u.Hostname()
		}
		return name
	}
	for _, a := range c.Args {
		if strings.HasPrefix(a, "-") {
			continue
		}
		name = path.Base(strings.ReplaceAll(a, `\`, "/"))
		break
	}
	if name == "" {
		name = path.Base(strings.ReplaceAll(c.Command, `\`, "/"))
	}
	if i := strings.LastIndex(name, "@"); i > 0 {
		name = name[:i]
	}
	for _, fix := range []string{"mcp-server-", "server-", "mcp-"} {
		name = strings.TrimPrefix(name, fix)
	}
	name = strings.TrimSuffix(strings.TrimSuffix(name, "-mcp"), "-server")
	if name == "." || name == "/" {
		return ""
	}
	return name
}
