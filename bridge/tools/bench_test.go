package tools_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
)

// manyTools returns n tools with the schemas of real servers.
func manyTools(t testing.TB, n int) []tools.Tool {
	t.Helper()
	var all []tools.Tool
	for _, list := range realTools(t) {
		all = append(all, list...)
	}
	out := make([]tools.Tool, n)
	for i := range out {
		out[i] = all[i%len(all)]
		out[i].Server = fmt.Sprintf("%s%d", out[i].Server, i/len(all))
		out[i].Hash = fmt.Sprintf("%s.%d", out[i].Hash, i)
	}
	return out
}

func BenchmarkConvertCold(b *testing.B) {
	list := manyTools(b, 10_000)
	for format, d := range dialects {
		b.Run(string(format), func(b *testing.B) {
			for b.Loop() {
				tools.NewConverter().Table(list, d, false)
			}
		})
	}
	b.Run("reference", func(b *testing.B) {
		for b.Loop() {
			for i := range list {
				var v any
				if err := json.Unmarshal(list[i].InputSchema, &v); err != nil {
					b.Fatal(err)
				}
				if _, err := json.Marshal(v); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

func BenchmarkConvertCached(b *testing.B) {
	list := manyTools(b, 1000)
	c := tools.NewConverter()
	c.Table(list, tools.OpenAI, false)
	again := slices.Clone(list) // as the policy makes one for each step
	b.ReportAllocs()
	for b.Loop() {
		c.Table(again, tools.OpenAI, false)
	}
}

func BenchmarkFind(b *testing.B) {
	x := tools.NewIndex(manyTools(b, 10_000))
	for b.Loop() {
		if len(x.Find("create a new issue in the repository with a title", 10)) == 0 {
			b.Fatal("nothing is found")
		}
	}
}
