// Package bridge is the engine of Drawbridge: it runs a person's MCP servers,
// lets a model use their tools, and asks the person where that is due. The
// window, the command line and other Go programs all start here.
//
// It keeps nothing itself and shows nothing: the history, the settings and the
// keychain come in through the interfaces of Options. The rooms below it each
// do one thing (mcphost runs servers, policy decides, chat is the loop,
// provider speaks to models, setup reads drafts), and this package is where
// they meet.
//
//	b, err := bridge.New(ctx, bridge.Options{…})
//	defer b.Close(ctx)
//	conv, err := b.NewConversation(ctx)
//	for event, err := range b.Send(ctx, conv.ID, "What time is it in Lima?", approver) { … }
//
// All methods of Bridge may be called from any goroutine. Those that take a
// context may read or write files, the keychain or the network; the others
// return at once.
package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/policy"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/bridge/tokens"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/bridge/workbench"
	"github.com/drawbridge-app/drawbridge/store"
)

// History keeps conversations. store/db implements it.
type History interface {
	chat.History
	// SetHead shows that message last, or with leaf the newest below it, and
	// returns the new head.
	SetHead(ctx context.Context, conversation, message string, leaf bool) (string, error)
	// Before returns messages before that one, at most that many, or all for 0,
	// and how many more there are; known is how many the caller has.
	Before(ctx context.Context, conversation, message string, most, known int) (messages []store.Message, earlier int, err error)
	// Siblings returns what else stands in the place of the messages shown.
	Siblings(ctx context.Context, conversation string) (map[string][]string, error)
	// All returns the messages of all branches, each after its parent.
	All(ctx context.Context, conversation string) ([]store.Message, error)
	CreateConversation(ctx context.Context, c store.Conversation) error
	UpdateConversation(ctx context.Context, id string, change func(*store.Conversation)) (store.Conversation, error)
	Conversation(ctx context.Context, id string) (store.Conversation, error)
	Conversations(ctx context.Context) ([]store.Conversation, error)
	DeleteConversation(ctx context.Context, id string) error
}

// Desk is what the person who writes in the conversations needs beside them.
// store/db implements it.
type Desk interface {
	// Search finds what was said.
	Search(ctx context.Context, query string, limit int) (store.Found, error)
	// SetUnsent keeps what was typed and not sent, and Unsent returns it by
	// conversation.
	SetUnsent(ctx context.Context, conversation, text string) error
	Unsent(ctx context.Context) (map[string]string, error)
	// SetUnsentFiles and UnsentFiles do the same with what was attached.
	SetUnsentFiles(ctx context.Context, conversation string, files []store.Attached) error
	UnsentFiles(ctx context.Context) (map[string][]store.Attached, error)
}

// Ledger keeps what a person approved. store/db implements it.
type Ledger interface {
	policy.Ledger
	ToolAnswers(ctx context.Context) ([]store.ToolAnswer, error)
}

// Settings keeps the settings and the servers. store/settings implements it.
type Settings interface {
	Settings() store.Settings
	Update(change func(*store.Settings) error) error
	Servers() []store.ServerConfig
	UpdateServers(change func([]store.ServerConfig) ([]store.ServerConfig, error)) error
	// Watch ticks after a file was changed by hand.
	Watch(ctx context.Context) iter.Seq[struct{}]
	// Problems are sentences about files that could not be read.
	Problems() []string
}

// Secrets is the keychain, or what stands in for it. store/secret implements
// it.
type Secrets interface {
	Get(ctx context.Context, ref store.SecretRef) (store.Secret, error)
	Set(ctx context.Context, ref store.SecretRef, value store.Secret) error
	Remove(ctx context.Context, ref store.SecretRef) error
	List(ctx context.Context) ([]store.SecretRef, error)
	State(ctx context.Context) store.SecretState
	// Unlock has the operating system ask for the password, and waits.
	Unlock(ctx context.Context) error
	// UseMemory keeps secrets for this run only.
	UseMemory()
	// UsePassphrase opens the sealed file, or makes it.
	UsePassphrase(ctx context.Context, passphrase store.Secret) error
}

// Options is what a Bridge is made of. Home, History, Ledger, Settings and
// Secrets are required.
type Options struct {
	// Home is the folder of the program's own files; the workbench refuses to
	// read there.
	Home     string
	History  History
	Ledger   Ledger
	Settings Settings
	Secrets  Secrets
	// Cache keeps what servers were found to be; nil forgets it with each run.
	// store/db implements it.
	Cache mcphost.Cache
	// Audit keeps what was decided and called; nil keeps nothing. store/db
	// implements it.
	Audit AuditLog
	// Desk searches the history and keeps what was typed; nil finds and keeps
	// nothing. store/db implements it.
	Desk Desk
	// Keys keeps the keys of other apps; nil has none. store/db implements it.
	Keys KeyStore
	// Places says where other apps keep their files; the zero value finds none.
	Places setup.Places
	// Idle has New start no server; StartServers does.
	Idle bool
	// Problems are sentences about what the caller found when it opened the
	// stores; they are shown with those of Settings.
	Problems []string
	// Version of the program, told to servers and providers.
	Version string
	// Environ is the environment that servers inherit a few variables of; nil
	// means none.
	Environ func() []string
	// ModelTable says what well-known models take and cost, in the form that
	// model.ParseTable reads; nil knows nothing.
	ModelTable []byte
	// HTTP is used for providers; nil means http.DefaultClient.
	HTTP *http.Client
	// Reach is what reaches servers over HTTP; nil means a transport like
	// http.DefaultTransport.
	Reach *http.Transport
	// OpenBrowser shows an address in the person's browser, without a shell; nil
	// means that there is none.
	OpenBrowser func(ctx context.Context, address string) error
	// ClientDocument is the https address of the document that describes this
	// program to authorization servers; empty where none is published.
	ClientDocument string
	// Backups lists the copies of the database that were made before it was
	// changed; nil has none.
	Backups func() ([]store.Backup, error)
	// Logger takes what a person may want to look up later; nil discards it.
	Logger *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Bridge is a running engine.
type Bridge struct {
	o           Options
	policy      *policy.Engine
	host        *mcphost.Manager
	catalogue   *catalogue
	switchboard *switchboard
	validator   *tools.Validator
	loop        *chat.Loop

	adaptersMu sync.Mutex // protects adapters
	adapters   map[string]adapter
	table      *model.Table

	audit         *auditor
	keyring       *keyring
	keysChanged   *signal
	bridgeChanged *signal
	serves        stoppable // what stops when the bridge is raised
	work          *work     // what is under way
	removals      removals  // that can be taken back

	gate    *gate  // for other apps
	asked   *asked // models that other apps ask
	counter *tokens.Counter
	titles  titles
	asking  asking // who is asked what servers want to know

	life    context.Context // ends with Close
	stop    context.CancelFunc
	running sync.WaitGroup // goroutines of the bridge itself

	stopAudit context.CancelFunc
	auditing  sync.WaitGroup // the one that writes the audit
}

// New starts the engine: it mends conversations that a crash cut off, and
// begins to start the approved servers, without waiting for them. The context
// bounds New alone. Close ends what New started.
func New(ctx context.Context, o Options) (*Bridge, error) {
	if o.Home == "" || o.History == nil || o.Ledger == nil || o.Settings == nil || o.Secrets == nil {
		return nil, errors.New("bridge: Home, History, Ledger, Settings and Secrets are required")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Environ == nil {
		o.Environ = func() []string { return nil }
	}
	if o.HTTP == nil {
		o.HTTP = http.DefaultClient
	}
	var table *model.Table
	if o.ModelTable != nil {
		var err error
		if table, err = model.ParseTable(o.ModelTable); err != nil {
			return nil, err
		}
	}
	n, err := chat.Recover(ctx, o.History)
	if err != nil {
		return nil, fmt.Errorf("mend conversations that were cut off: %w", err)
	}
	if n > 0 {
		o.Logger.Info("conversations that were cut off are whole again", "count", n)
	}

	life, stop := context.WithCancel(context.Background())
	auditLife, stopAudit := context.WithCancel(context.Background())
	b := &Bridge{o: o, life: life, stop: stop, stopAudit: stopAudit, titles: newTitles(), adapters: map[string]adapter{}, table: table, switchboard: newSwitchboard(o.History), validator: tools.NewValidator()}
	b.policy = policy.New(policy.Options{Ledger: o.Ledger, Logger: o.Logger, Content: b.contentOf, Now: o.Now})
	if b.policy.Raised(ctx) {
		o.Logger.Warn("the bridge is raised: nothing is served until it is lowered")
	}
	b.keysChanged, b.bridgeChanged = newSignal(), newSignal()
	b.work = newWork()
	b.removals.pending = map[string]*removed{}
	b.gate = newGate()
	b.counter = tokens.NewCounter()
	b.asked = newAsked(b)
	b.keyring = &keyring{store: o.Keys, now: o.Now, used: map[string]time.Time{}}
	b.audit = newAuditor(o.Audit, o.Settings.Settings, o.Logger, o.Now)
	b.audit.secrets, b.audit.also = b.auditRedactor, b.keepCounts
	bench := workbench.New(workbench.Options{
		Folders: func() []string { return o.Settings.Settings().Folders },
		Home:    o.Home,
		Now:     o.Now,
	})
	b.host = mcphost.New(mcphost.Options{
		Elicitor:       &b.asking,
		Gate:           b.policy,
		Secrets:        o.Secrets,
		SignIns:        o.Secrets,
		Environ:        o.Environ,
		HTTP:           o.Reach,
		ClientDocument: o.ClientDocument,
		Logger:         o.Logger,
		LogDir:         filepath.Join(o.Home, "logs"),
		SandboxDir:     filepath.Join(o.Home, "sandboxes"),
		Private:        []string{o.Home},
		Programs:       filepath.Join(o.Home, "bundles"),
		Version:        o.Version,
		Manual:         o.Idle,
		Cache:          o.Cache,
		Builtins: map[string]func(context.Context, io.ReadWriteCloser) error{
			Workbench: bench.Serve,
		},
		OpenAPI: b.serveAPI,
	})
	b.catalogue = newCatalogue(b.policy, o.Logger)
	b.loop = chat.New(chat.Options{
		History:   loopHistory{o.History, b.switchboard},
		Tools:     guard{b},
		Managed:   guard{b},
		Logger:    o.Logger,
		Now:       o.Now,
		StepLimit: o.Settings.Settings().StepLimit,
		Limits:    b.Limits,
		Count:     b.counter.Count,
		SearchShare: func() float64 {
			return o.Settings.Settings().SearchShare
		},
	})
	b.apply()
	b.auditing.Go(func() { b.audit.run(auditLife) })
	b.running.Go(func() { b.catalogue.follow(life, b.host) })
	b.running.Go(b.followChanges)
	if len(o.Settings.Settings().Removing) > 0 {
		b.running.Go(func() { b.resumeRemovals(life) })
	}
	b.running.Go(func() {
		for range o.Settings.Watch(life) {
			b.apply()
		}
	})
	return b, nil
}

// Close stops the servers and everything that the bridge runs. Turns should
// have ended before: end their contexts and wait for them.
func (b *Bridge) Close(ctx context.Context) error {
	b.stop()
	b.CloseGateway()
	err := b.host.Close(ctx)
	b.running.Wait()
	b.endRemovals(ctx)
	// Last, so that it has everything.
	b.stopAudit()
	b.auditing.Wait()
	return errors.Join(err, b.policy.KeepCounts(ctx), b.keyring.keepUsed(ctx, true))
}

// keepCounts keeps what limits of a day count, and when keys were used.
func (b *Bridge) keepCounts(ctx context.Context) {
	if err := errors.Join(b.policy.KeepCounts(ctx), b.keyring.keepUsed(ctx, false)); err != nil {
		b.o.Logger.Error("counts of calls could not be kept", "error", err)
	}
}

// apply hands the configured servers to the host.
func (b *Bridge) apply() {
	configs := b.configs()
	b.policy.Configure(configs) // before anything of them can run
	b.host.Apply(configs)
}

// Problems returns sentences about files that could not be read and what
// happened to them.
func (b *Bridge) Problems() []string {
	return append(slices.Clone(b.o.Problems), b.o.Settings.Problems()...)
}

// Settings returns the settings.
func (b *Bridge) Settings() store.Settings { return b.o.Settings.Settings() }

// UpdateSettings changes the settings and keeps them.
func (b *Bridge) UpdateSettings(change func(*store.Settings) error) error {
	if err := b.o.Settings.Update(change); err != nil {
		return err
	}
	b.apply()
	return nil
}

// Home returns the folder of the program's own files.
func (b *Bridge) Home() string { return b.o.Home }

// Version returns the program's version.
func (b *Bridge) Version() string { return b.o.Version }

// signal wakes everyone who waits for a change. Its zero value is not usable.
type signal struct {
	mu sync.Mutex // protects ch
	ch chan struct{}
}

func newSignal() *signal { return &signal{ch: make(chan struct{})} }

// wait returns a channel that is closed at the next fire.
func (s *signal) wait() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ch
}

func (s *signal) fire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.ch)
	s.ch = make(chan struct{})
}
