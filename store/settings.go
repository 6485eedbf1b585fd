package store

// Settings is what settings.json holds, apart from the servers, which live in
// mcp.json. The zero value is a new person's settings.
type Settings struct {
	Providers []ProviderConfig `json:"providers,omitempty"`
	// Model is what a new conversation starts with.
	Model ModelRef `json:"model,omitzero"`
	// Switches is what a new conversation starts with.
	Switches Switches `json:"switches,omitzero"`
	// Folders are those that the person granted to the workbench.
	Folders []string `json:"folders,omitempty"`
	// WorkbenchOff switches the built-in server off.
	WorkbenchOff bool `json:"workbench_off,omitempty"`
	// WorkbenchRules are the rules of the built-in server.
	WorkbenchRules Rules `json:"workbench_rules,omitzero"`
	// AuditArguments has the audit keep the values of arguments, without secrets.
	AuditArguments bool `json:"audit_arguments,omitempty"`
	// AuditMB is how many megabytes of records the audit keeps; 0 means 64.
	AuditMB int `json:"audit_mb,omitempty"`
	// StepLimit is the number of model calls after which a turn asks whether to
	// go on; 0 means 25.
	StepLimit int `json:"step_limit,omitempty"`
	// SearchShare is the share of a model's context that tools may take before
	// the model is given a search over them instead; 0 means a fifth.
	SearchShare float64 `json:"search_share,omitempty"`
	// Presets are system prompts that a person keeps by name.
	Presets []PromptPreset `json:"presets,omitempty"`
	// Favourites are the models that stand above the others where one is chosen.
	Favourites []ModelRef `json:"favourites,omitempty"`
	// Messages are messages that a person keeps by name.
	Messages []MessagePreset `json:"messages,omitempty"`
	// Gateway is the endpoint for other apps.
	Gateway GatewaySettings `json:"gateway,omitzero"`
	// Removing names what was removed a moment ago, as server/ID and provider/ID: it
	// can be taken back until its secrets and approvals are forgotten, too.
	Removing []string `json:"removing,omitempty"`
	// Window is what the window remembers of itself.
	Window WindowSettings `json:"window,omitzero"`
}

// PromptPreset is a system prompt with a name.
type PromptPreset struct {
	Name   string `json:"name"`
	System string `json:"system"`
}

// WindowSettings is what the window remembers of itself.
type WindowSettings struct {
	Width       float32 `json:"width,omitempty"`
	Height      float32 `json:"height,omitempty"`
	Theme       string  `json:"theme,omitempty"` // "light", "dark"; empty follows the system
	Welcomed    bool    `json:"welcomed,omitempty"`
	SaidItHides bool    `json:"said_it_hides,omitempty"` // that closing hides it in the tray
	// EnterBreaks has Enter begin a new line of a message and Shift+Enter send it,
	// instead of the other way round.
	EnterBreaks bool `json:"enter_breaks,omitempty"`
	// TextSize is "small", "large" or "largest"; empty is the usual one.
	TextSize string `json:"text_size,omitempty"`
	// Compact has less room between things.
	Compact bool `json:"compact,omitempty"`
}
