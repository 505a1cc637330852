package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

//go:generate go test -run TestConfigurationPage -update .

var update = flag.Bool("update", false, "write docs/configuration.md")

func load(t *testing.T, text string, environ ...string) (Config, error) {
	t.Helper()
	path := ""
	if text != "" {
		path = filepath.Join(t.TempDir(), "offhook.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return LoadConfig(path, environ)
}

func TestConfigFromFileAndEnvironment(t *testing.T) {
	cfg, err := load(t, "http: {listen: 127.0.0.1:9000}\nsip:\n  listen: [udp://127.0.0.1:5070]\nshutdown_timeout: 5s\n",
		"OFFHOOK_HTTP_LISTEN=127.0.0.1:9001", "OFFHOOK_CODECS=G722, PCMA", "OFFHOOK_MAX_CALLS=7", "OFFHOOK_OUTBOUND_HTTP_ALLOW_PRIVATE=false",
		"OFFHOOK_URL=http://127.0.0.1:1", "OTHER=x")
	if err != nil {
		t.Fatal(err)
	}
	want := DefaultConfig()
	want.HTTP.Listen = "127.0.0.1:9001"
	want.SIP.Listen = []string{"udp://127.0.0.1:5070"}
	want.ShutdownTimeout = 5 * time.Second
	want.Codecs = []string{"G722", "PCMA"}
	want.MaxCalls = 7
	want.OutboundHTTP.AllowPrivate = false
	if !reflect.DeepEqual(cfg, want) {
		t.Errorf("got  %+v\nwant %+v", cfg, want)
	}
}

func TestConfigOnOneLine(t *testing.T) {
	cfg, err := load(t, "sip: {listen: [udp://127.0.0.1:5070, tcp://127.0.0.1:5070], domain: example.com}\n")
	if err != nil || len(cfg.SIP.Listen) != 2 || cfg.SIP.Listen[1] != "tcp://127.0.0.1:5070" || cfg.SIP.Domain != "example.com" {
		t.Errorf("%+v, %v", cfg.SIP, err)
	}
}

func TestResourcesWithNumbersAsKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.yaml")
	text := "flows: [{id: f, actions: [{type: branch, option: {target_ids: {1: a, 2: b}}}]}]\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	body, err := readResources(path)
	want := `{"actions":[{"option":{"target_ids":{"1":"a","2":"b"}},"type":"branch"}],"id":"f"}`
	if err != nil || len(body["flows"]) != 1 || string(body["flows"][0]) != want {
		t.Errorf("%s, %v; want %s", body["flows"], err, want)
	}
}

func TestConfigFaultsNameThePlace(t *testing.T) {
	for _, tc := range []struct {
		name, file, env string
		want            []string
	}{
		{"unknown key", "http:\n  lisen: x\n", "", []string{"lisen", "2"}},
		{"wrong type", "max_calls: many\n", "", []string{"1"}},
		{"unknown variable", "", "OFFHOOK_HTTP_LISEN=x", []string{"OFFHOOK_HTTP_LISEN"}},
		{"bad number", "", "OFFHOOK_MAX_CALLS=many", []string{"OFFHOOK_MAX_CALLS", "whole number"}},
		{"bad duration", "", "OFFHOOK_SHUTDOWN_TIMEOUT=30", []string{"OFFHOOK_SHUTDOWN_TIMEOUT", "30s"}},
		{"port range", "rtp: {ports: 5-4}\n", "", []string{"rtp.ports", "20000-29999"}},
		{"codec", "codecs: [PCMU, MP3]\n", "", []string{"codecs[1]", "MP3"}},
		{"listener", "sip: {listen: ['0.0.0.0:5060']}\n", "", []string{"sip.listen[0]", "udp://"}},
		{"session", "sip: {session_expires: 1m}\n", "", []string{"sip.session_expires", "1m30s"}},
		{"certificate", "sip: {listen: ['tls://0.0.0.0:5061']}\n", "", []string{"sip.listen[0]", "sip.tls.cert"}},
		{"engine", "speech: {tts: {engine: festival}}\n", "", []string{"speech.tts.engine", "festival"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := load(t, tc.file, tc.env)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, w := range tc.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q does not say %q", err, w)
				}
			}
		})
	}
}

// TestConfigurationPage holds docs/configuration.md to the code.
func TestConfigurationPage(t *testing.T) {
	const path = "../../docs/configuration.md"
	page := configurationPage()
	if *update {
		if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != page {
		t.Errorf("docs/configuration.md is not what the code says (%v); run: go generate ./cmd/offhook", err)
	}
}

func configurationPage() string {
	var b strings.Builder
	b.WriteString(`# Configuration

` + "`offhook serve --config FILE`" + ` reads a YAML file. Every key is also an environment
variable, which wins; lists are separated by commas there. An unknown key or
variable is an error that names it. This page is made from
` + "`cmd/offhook/config.go`" + `.

| key | environment | default | meaning |
|---|---|---|---|
`)
	describe(&b, reflect.ValueOf(DefaultConfig()), "", "OFFHOOK")
	return b.String()
}

func describe(b *strings.Builder, v reflect.Value, key, env string) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name := f.Tag.Get("yaml")
		k, e := strings.TrimPrefix(key+"."+name, "."), env+"_"+strings.ToUpper(name)
		if f.Type.Kind() == reflect.Struct {
			describe(b, v.Field(i), k, e)
			continue
		}
		value := fmt.Sprint(v.Field(i).Interface())
		if list, ok := v.Field(i).Interface().([]string); ok {
			value = strings.Join(list, ", ")
		}
		if value != "" {
			value = "`" + value + "`"
		}
		fmt.Fprintf(b, "| `%s` | `%s` | %s | %s |\n", k, e, value, f.Tag.Get("doc"))
	}
}
