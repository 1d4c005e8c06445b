// Command kured-schema builds a kustomization as kubectl apply -k does, decodes
// each object strictly as the API server does, and prints the objects as JSON,
// one a line. It has a go.mod of its own, for what it needs is large.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

func main() {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{appsv1.AddToScheme, corev1.AddToScheme, rbacv1.AddToScheme} {
		check(add(scheme))
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	objects, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), os.Args[1])
	check(err)
	for _, r := range objects.Resources() {
		text, err := r.AsYAML()
		check(err)
		object, _, err := decoder.Decode(text, nil, nil)
		if err != nil {
			check(fmt.Errorf("%s: %w", r.CurId(), err))
		}
		line, err := json.Marshal(object)
		check(err)
		fmt.Println(string(line))
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "kured-schema:", err)
		os.Exit(1)
	}
}
