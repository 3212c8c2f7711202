package inspect

import "io"

// Chart is what the Chart.yaml of a Helm chart says of it, as far as it is at the top level.
type Chart struct {
	APIVersion, Name, Version, AppVersion, Description, Type, Home, Icon, KubeVersion string
	Deprecated                                                                        bool
}

// ReadChart reads a Chart.yaml, of which 1 MiB counts. The errors are those of r.
func ReadChart(r io.ReaderAt, size int64) (*Chart, error) {
	b, err := readAt(r, 0, min(size, maxSettings))
	if err != nil {
		return nil, err
	}
	c := &Chart{}
	fields := map[string]*string{"apiVersion": &c.APIVersion, "name": &c.Name, "version": &c.Version, "appVersion": &c.AppVersion,
		"description": &c.Description, "type": &c.Type, "home": &c.Home, "icon": &c.Icon, "kubeVersion": &c.KubeVersion}
	for _, s := range YAMLScalars(b) {
		if f := fields[s.Key]; f != nil {
			*f = s.Value
		}
		if s.Key == "deprecated" {
			c.Deprecated = s.Value == "true"
		}
	}
	return c, nil
}

func decodeChart(f *file) (*Doc, error) {
	b, err := f.bytes(0, min(f.size, maxSettings))
	if err != nil {
		return nil, err
	}
	s := Section{Title: "Chart"}
	title := map[string]string{}
	for _, x := range YAMLScalars(b) {
		v := plain(x.Value)
		v.Ref = webRef(x.Value)
		s.add(visible(x.Key, 64), v)
		title[x.Key] = visible(x.Value, 100)
	}
	d := &Doc{Kind: string(KindChart), Title: "Helm chart " + title["name"] + " " + title["version"]}
	d.addSection(s)
	return d, nil
}
