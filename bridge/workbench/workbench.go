// Package workbench is the MCP server that is built into Drawbridge, so that
// there is something to use at once: the time in any zone, and reading, listing
// and searching files in the folders that the person granted.
//
// It only reads. It never leaves a granted folder, whatever links lie in it,
// and refuses some places even inside a grant: the program's own files,
// keyrings, .ssh and .gnupg. It is no general access to the machine; for that
// a person adds a server of their choice.
//
//	s := workbench.New(workbench.Options{Folders: granted, Home: home, Now: time.Now})
//	err := s.Serve(ctx, pipe) // speaks MCP over pipe until it ends
package workbench

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Options is what a Server is made of. Folders and Now are required.
type Options struct {
	// Folders returns the full paths of the granted folders. It is asked anew
	// for each call, so a grant that is taken back holds from the next one on.
	Folders func() []string
	// Home is the folder of the program's own files, which are never read.
	Home string
	// Now is the clock; its zone is the local one.
	Now func() time.Time
}

// Server answers MCP requests. It keeps nothing between them; any number of
// connections may be served at once.
type Server struct {
	o    Options
	user string // the person's home; empty if it is not known
}

// New returns a server. It reads nothing yet.
func New(o Options) *Server {
	user, err := os.UserHomeDir()
	if err != nil {
		user = ""
	}
	return &Server{o: o, user: user}
}

// Serve speaks MCP over rw, one message a line, until rw or the context ends.
func (s *Server) Serve(ctx context.Context, rw io.ReadWriteCloser) error {
	server := mcp.NewServer(&mcp.Implementation{Name: "workbench", Title: "Workbench", Version: "1"}, &mcp.ServerOptions{
		Instructions: "Tells the time and reads files in the folders that the person granted. Call list_folders first to learn which those are; paths outside of them are refused.",
	})
	add(server, "time", "Time",
		"Returns the current date and time, in the person's own time zone or in the one that is named.",
		`{"type":"object","properties":{
			"zone":{"type":"string","maxLength":64,"description":"IANA name of a time zone, such as America/Lima or UTC. Leave it out for the person's own zone."}
		},"additionalProperties":false}`, s.time)
	add(server, "list_folders", "Granted folders",
		"Lists the folders that may be read, by their full paths. Without any, ask the person to grant one in the settings.",
		`{"type":"object","properties":{},"additionalProperties":false}`, s.listFolders)
	add(server, "list_directory", "List a folder",
		"Lists what a folder contains: name, kind and size in bytes, one entry a line, sorted by name, at most 1000 entries.",
		`{"type":"object","properties":{
			"path":{"type":"string","minLength":1,"maxLength":4096,"description":"Full path of a granted folder or of one inside it, or a path relative to a granted folder. Use . for the only granted folder."}
		},"required":["path"],"additionalProperties":false}`, s.listDirectory)
	add(server, "read_file", "Read a file",
		"Reads a text file (UTF-8). Long files are read piece by piece: the answer says at which offset to go on. Of a file that is no text, only its kind and size are told.",
		`{"type":"object","properties":{
			"path":{"type":"string","minLength":1,"maxLength":4096,"description":"Full path of a file inside a granted folder, or a path relative to a granted folder."},
			"offset":{"type":"integer","minimum":0,"default":0,"description":"Number of bytes to skip."},
			"limit":{"type":"integer","minimum":1,"maximum":1048576,"default":131072,"description":"Largest number of bytes to return."}
		},"required":["path"],"additionalProperties":false}`, s.readFile)
	add(server, "search_files", "Search files",
		"Searches a folder and all folders in it, by file name, by text in the files, or by both. Links are not followed, and files that are no text are not searched for text. Says so when it stopped at a limit.",
		`{"type":"object","properties":{
			"path":{"type":"string","minLength":1,"maxLength":4096,"description":"Where to search: full path of a granted folder or of one inside it, or a path relative to a granted folder. Leave it out to search all granted folders."},
			"name":{"type":"string","minLength":1,"maxLength":256,"description":"Pattern for the file's name, without folders: * stands for any characters, ? for one, [a-z] for one of these. Letters count the same in upper and lower case. Example: *.go"},
			"text":{"type":"string","minLength":1,"maxLength":1024,"description":"Text that a line must contain; upper and lower case count the same. The lines are returned with their numbers."},
			"max_results":{"type":"integer","minimum":1,"maximum":1000,"default":100,"description":"Largest number of files or lines to return."}
		},"anyOf":[{"required":["name"]},{"required":["text"]}],"additionalProperties":false}`, s.searchFiles)
	return server.Run(ctx, &mcp.IOTransport{Reader: rw, Writer: rw})
}

// add registers a tool that only reads, on this machine alone. An error of run
// is told to the model as the tool's result.
func add[In any](server *mcp.Server, name, title, description, schema string, run func(context.Context, In) (string, error)) {
	no := false
	mcp.AddTool(server, &mcp.Tool{
		Name: name, Title: title, Description: description, InputSchema: json.RawMessage(schema),
		Annotations: &mcp.ToolAnnotations{ReadOnlyHint: true, IdempotentHint: true, DestructiveHint: &no, OpenWorldHint: &no},
	}, func(ctx context.Context, _ *mcp.CallToolRequest, in In) (*mcp.CallToolResult, any, error) {
		text, err := run(ctx, in)
		if err != nil {
			return nil, nil, err
		}
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}, nil, nil
	})
}
