//go:build linux && e2e

package main

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/drawbridge-app/drawbridge/app/e2e/measure"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
)

// realServers are listings of real MCP servers, beside the tests of bridge/tools.
const realServers = "bridge/tools/testdata/servers"

// What conversion and search may take.
const (
	coldLimit   = 2.0 // beside json.Unmarshal and json.Marshal of the same bytes
	cachedLimit = 100 * time.Microsecond
	findLimit   = 5 * time.Millisecond
)

// realTools makes n tools with the schemas and descriptions of real servers.
func realTools(n int) ([]tools.Tool, error) {
	files, err := filepath.Glob(realServers + "/*.json.gz")
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s is not there; run this in the root of the repository", realServers)
	}
	var all []tools.Tool
	for _, path := range files {
		list, err := readListing(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, list...)
	}
	out := make([]tools.Tool, n)
	for i := range out {
		out[i] = all[i%len(all)]
		out[i].Server = fmt.Sprintf("%s%d", out[i].Server, i/len(all))
		out[i].Hash = fmt.Sprint(i)
	}
	return out, nil
}

func readListing(path string) (list []tools.Tool, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	z, err := gzip.NewReader(file)
	if err != nil {
		return nil, err
	}
	var listing struct {
		Tools []struct {
			Name, Description string
			InputSchema       json.RawMessage
		}
	}
	if err := json.NewDecoder(z).Decode(&listing); err != nil {
		return nil, err
	}
	server := strings.TrimSuffix(filepath.Base(path), ".json.gz")
	for _, t := range listing.Tools {
		list = append(list, tools.Tool{
			Ref: tools.Ref{Server: server, Tool: t.Name}, ServerName: server,
			Description: t.Description, InputSchema: t.InputSchema,
		})
	}
	return list, nil
}

// convertCold converts 10,000 tools for Chat Completions, whose rules are the
// strictest, with nothing kept from before. The reference reads and writes
// their schemas.
func (b *bench) convertCold(ctx context.Context) (measure.Row, error) {
	list, err := realTools(10_000)
	if err != nil {
		return measure.Row{}, err
	}
	ours := func(context.Context) (time.Duration, error) {
		began := time.Now()
		table := tools.NewConverter().Table(list, tools.Chat, false)
		took := time.Since(began)
		if n := len(table.Functions()); n != len(list) {
			return 0, fmt.Errorf("%d of %d tools were converted: %v", n, len(list), table.LeftOut())
		}
		return took, nil
	}
	reference := func(context.Context) (time.Duration, error) {
		began := time.Now()
		for i := range list {
			var v any
			if err := json.Unmarshal(list[i].InputSchema, &v); err != nil {
				return 0, err
			}
			if _, err := json.Marshal(v); err != nil {
				return 0, err
			}
		}
		return time.Since(began), nil
	}
	latency, err := measure.Compare(ctx, b.pairs, ours, reference)
	return latency.Row("converting 10,000 real tools, cold", coldLimit), err
}

// convertCached asks for the table of 1,000 tools that are those of the turn
// before, in a list of its own as the policy makes one. It is held against the
// time that it may take.
func (b *bench) convertCached(context.Context) (measure.Row, error) {
	list, err := realTools(1000)
	if err != nil {
		return measure.Row{}, err
	}
	converter := tools.NewConverter()
	first := converter.Table(list, tools.Chat, false)
	took, err := medianCall(func() error {
		if converter.Table(list, tools.Chat, false) != first {
			return errors.New("the tools were converted again")
		}
		return nil
	}, func() { list = slices.Clone(list) })
	return absolute("the table of 1,000 unchanged tools", took, cachedLimit), err
}

// findTools looks for tools among 10,000 with words of different frequency.
func (b *bench) findTools(context.Context) (measure.Row, error) {
	list, err := realTools(10_000)
	if err != nil {
		return measure.Row{}, err
	}
	index := tools.NewIndex(list)
	queries := []string{"create an issue in the repository", "list pods in a namespace", "take a screenshot of the page", "search", "the name of a file or a page by its id and type"}
	n := 0
	took, err := medianCall(func() error {
		n++
		if len(index.Find(queries[n%len(queries)], 10)) != 10 {
			return fmt.Errorf("%q finds too little", queries[n%len(queries)])
		}
		return nil
	}, nil)
	return absolute("find_tools over 10,000 tools", took, findLimit), err
}

// absolute makes a line of a time that has a limit of its own: the limit stands
// where references do.
func absolute(name string, took, limit time.Duration) measure.Row {
	return measure.Quantity(name, float64(took)/float64(time.Microsecond), float64(limit)/float64(time.Microsecond), "µs", 1, 1,
		fmt.Sprintf("beside the time that it may take, median of %d", calls))
}
