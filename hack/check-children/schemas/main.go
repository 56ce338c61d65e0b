// Makes the JSON schemas that kubeconform reads, of what Kubernetes and custom resource definitions say of themselves:
//
//	schemas FOLDER/VERSION swagger.json    the built-in kinds of one version of Kubernetes
//	schemas FOLDER/custom definition.yaml… the kinds of custom resource definitions
//
// Each kind is in GROUP/KIND_VERSION.json, in lower case; the group of the core is "v1", as kubeconform calls it. They are strict:
// a field that is not in the schema is a fault, for the API server would drop it or refuse it.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

type object = map[string]any

const quantity = "io.k8s.apimachinery.pkg.api.resource.Quantity"

func main() {
	if len(os.Args) < 3 {
		fail(fmt.Errorf("usage: schemas FOLDER FILE…"))
	}
	for _, file := range os.Args[2:] {
		if err := convert(os.Args[1], file); err != nil {
			fail(fmt.Errorf("%s: %w", file, err))
		}
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "schemas:", err)
	os.Exit(1)
}

func convert(folder, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var document object
	// JSON is YAML too.
	if err := yaml.Unmarshal(text, &document); err != nil {
		return err
	}
	if definitions, is := document["definitions"].(object); is {
		return builtIn(folder, definitions)
	}
	return custom(folder, document)
}

// Writes all definitions into one file, for they refer to each other, and for each kind one that refers to it.
func builtIn(folder string, definitions object) error {
	definitions[quantity] = object{"type": []any{"string", "number"}}
	for name, definition := range definitions {
		kinds, _ := definition.(object)["x-kubernetes-group-version-kind"].([]any)
		// Those with several are options of requests, and parts of every group.
		if len(kinds) == 1 {
			kind := kinds[0].(object)
			path := schemaPath(folder, kind["group"].(string), kind["kind"].(string), kind["version"].(string))
			reference := object{"$ref": "../definitions.json#/definitions/" + name}
			if err := write(path, reference); err != nil {
				return err
			}
		}
		closeSchema(definition)
	}
	return write(filepath.Join(folder, "definitions.json"), object{"definitions": definitions})
}

func custom(folder string, definition object) error {
	spec, is := definition["spec"].(object)
	if !is || definition["kind"] != "CustomResourceDefinition" {
		return fmt.Errorf("is neither an OpenAPI document nor a custom resource definition")
	}
	kind := spec["names"].(object)["kind"].(string)
	for _, version := range spec["versions"].([]any) {
		version := version.(object)
		schema := version["schema"].(object)["openAPIV3Schema"].(object)
		// What every object has, whether or not its definition says so.
		properties := schema["properties"].(object)
		for name, kind := range map[string]string{"apiVersion": "string", "kind": "string", "metadata": "object"} {
			if _, said := properties[name]; !said {
				properties[name] = object{"type": kind}
			}
		}
		closeSchema(schema)
		path := schemaPath(folder, spec["group"].(string), kind, version["name"].(string))
		if err := write(path, schema); err != nil {
			return err
		}
	}
	return nil
}

// Makes a schema strict, with all that it consists of. What stands below allOf, anyOf, oneOf and not adds rules to fields that are
// declared beside it, and so declares none.
func closeSchema(schema any) {
	fields, is := schema.(object)
	if !is {
		return
	}
	delete(fields, "description")
	if fields["format"] == "int-or-string" {
		fields["type"] = []any{"integer", "string"}
	}
	if properties, is := fields["properties"].(object); is {
		for _, property := range properties {
			closeSchema(property)
		}
		open := fields["x-kubernetes-preserve-unknown-fields"] == true || fields["x-kubernetes-embedded-resource"] == true
		if _, said := fields["additionalProperties"]; !said && !open {
			fields["additionalProperties"] = false
		}
	}
	closeSchema(fields["items"])
	closeSchema(fields["additionalProperties"])
}

func schemaPath(folder, group, kind, version string) string {
	if group == "" {
		group = version
	}
	return filepath.Join(folder, group, strings.ToLower(kind)+"_"+version+".json")
}

func write(path string, schema object) error {
	text, err := json.Marshal(schema)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}
