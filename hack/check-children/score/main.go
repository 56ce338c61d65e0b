// Judges what kube-score found: each finding has to be excepted for a reason, and each exception has to be of use.
//
//	score exceptions.yaml findings.json…    what `kube-score score --output-format json` says of one platform each
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// What is as it should be although a check finds fault with it.
type exception struct {
	// The id of kube-score's check.
	Check string `json:"check"`
	// What it says of it: a check may find several faults.
	Says string `json:"says"`
	// Of which children: KIND/NAME, with * for any part.
	Children []string `json:"children"`
	// Why that is right.
	Because string `json:"because"`

	used []bool
}

// One child as kube-score judges it.
type scored struct {
	Type struct {
		Kind string `json:"kind"`
	} `json:"type_meta"`
	Meta struct {
		Name string `json:"name"`
	} `json:"object_meta"`
	Checks []struct {
		Check struct {
			ID string `json:"id"`
		} `json:"check"`
		Grade    int  `json:"grade"`
		Skipped  bool `json:"skipped"`
		Comments []struct {
			Path    string `json:"path"`
			Summary string `json:"summary"`
		} `json:"comments"`
	} `json:"checks"`
}

// The best grade. What is below is at least a hint.
const allOk = 10

func main() {
	if len(os.Args) < 3 {
		fail("usage: score EXCEPTIONS FINDINGS…")
	}
	text, err := os.ReadFile(os.Args[1])
	check(err)
	var exceptions []*exception
	check(yaml.UnmarshalStrict(text, &exceptions))
	for _, exception := range exceptions {
		if exception.Check == "" || exception.Says == "" || len(exception.Children) == 0 || exception.Because == "" {
			fail("%s: every exception needs check, says, children and because: %+v", os.Args[1], *exception)
		}
		exception.used = make([]bool, len(exception.Children))
	}
	var wrong []string
	for _, file := range os.Args[2:] {
		wrong = append(wrong, judge(file, exceptions)...)
	}
	for _, exception := range exceptions {
		for index, used := range exception.used {
			if !used {
				wrong = append(wrong, fmt.Sprintf("the exception for %s of %s (%s) is of no use any more: remove it",
					exception.Check, exception.Children[index], exception.Says))
			}
		}
	}
	if len(wrong) > 0 {
		fail("%s", strings.Join(wrong, "\n"))
	}
}

func check(err error) {
	if err != nil {
		fail("%v", err)
	}
}

func fail(format string, values ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", values...)
	os.Exit(1)
}

// What is wrong with one platform.
func judge(file string, exceptions []*exception) []string {
	text, err := os.ReadFile(file)
	check(err)
	var children []scored
	check(json.Unmarshal(text, &children))
	platform := strings.TrimSuffix(filepath.Base(file), ".json")
	if len(children) == 0 {
		return []string{platform + ": kube-score looked at nothing"}
	}
	var wrong []string
	for _, child := range children {
		name := child.Type.Kind + "/" + child.Meta.Name
		for _, result := range child.Checks {
			if result.Skipped || result.Grade >= allOk {
				continue
			}
			for _, comment := range result.Comments {
				if !excepted(exceptions, result.Check.ID, comment.Summary, name) {
					where := strings.TrimPrefix(comment.Path+": ", ": ")
					wrong = append(wrong, fmt.Sprintf("%s: %s: %s: %s%s", platform, name, result.Check.ID, where, comment.Summary))
				}
			}
			if len(result.Comments) == 0 {
				wrong = append(wrong, fmt.Sprintf("%s: %s: %s", platform, name, result.Check.ID))
			}
		}
	}
	slices.Sort(wrong)
	return wrong
}

// Whether a finding is excepted. All exceptions that cover it count as used.
func excepted(exceptions []*exception, id, says, name string) bool {
	covered := false
	for _, exception := range exceptions {
		if exception.Check != id || exception.Says != says {
			continue
		}
		for index, pattern := range exception.Children {
			matches, err := path.Match(pattern, name)
			check(err)
			if matches {
				exception.used[index] = true
				covered = true
			}
		}
	}
	return covered
}
